import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { apiWith, envWith, type Fault, UNLIMITED } from './faults.ts'
import { record } from './recorder.ts'
import {
  aRow,
  aToken,
  aUser,
  type Call,
  client,
  expectProblem,
  randomAddress,
  roomInWindow,
  sql,
} from './support.ts'
import { logged, skip, skipTo, skipToHalfPast } from './watch.ts'

/** A limiter without its Redis: the platform's own rate-limit binding takes over, then a counter in the isolate. */

const FAULTS: Fault[] = [
  'refused',
  'reset',
  'hang',
  'trickle',
  'delay,ms=2000',
  'status,code=500',
  'status,code=429',
  'html,code=502',
  'html,code=200',
  'truncated',
  'early-close',
  'wrong-types',
]
const NO_ID = Number.MAX_SAFE_INTEGER
const NUMBERS = ['RateLimit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']

beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})
afterEach(() => {
  globalThis.fetch = fetch
  vi.useRealTimers()
})

/** Every route, and most of what they can answer; returns the statuses and how long the slowest took. */
async function tour(api: Call, userId: string) {
  const id = await aRow(userId)
  const statuses: number[] = []
  let slowest = 0
  for (const [method, path, body] of [
    ['GET', '/tasks'],
    ['POST', '/tasks', { title: 'canary' }],
    ['GET', `/tasks/${id}`],
    ['PUT', `/tasks/${id}`, { completed: true }],
    ['PATCH', `/tasks/${id}`, { title: '' }],
    ['PATCH', `/tasks/${NO_ID}`, { title: 'canary' }],
    ['DELETE', `/tasks/${id}`],
    ['GET', `/tasks/${id}`],
    ['POST', '/tasks/bulk-delete', { task_ids: [id] }],
    ['GET', '/tasks?limit=0'],
  ] as const) {
    const started = Date.now()
    const response = await api(method, path, body)
    await response.text()
    statuses.push(response.status)
    slowest = Math.max(slowest, Date.now() - started)
  }
  return { statuses, slowest }
}

describe.each(FAULTS)('with a Redis that fails (%s)', (upstash) => {
  test('every route keeps its right answer, and soon', async () => {
    const [one, other] = [await aUser(), await aUser()]
    const well = await tour(one.api, one.id)
    const ill = await tour(apiWith(envWith({ upstash }), other.token), other.id)
    expect(ill.statuses).toEqual([200, 201, 200, 200, 400, 404, 204, 404, 200, 400])
    expect(ill.statuses).toEqual(well.statuses)
    expect(ill.slowest).toBeLessThan(well.slowest + 2_000)
    expect((await apiWith(envWith({ upstash }), 'canary-of-a-bad-token')('GET', '/tasks')).status).toBe(401)
  })

  test('callers are limited all the same, and told no numbers that would be guesses', async () => {
    const user = await aUser()
    const settings = { RATE_LIMIT_READS: '4', RATE_LIMIT_WRITES: '2', upstash }
    const api = apiWith(envWith(settings), user.token)
    skipToHalfPast()
    const calls = [...Array(6).fill('GET'), ...Array(4).fill('POST')] as string[]
    const answers: Response[] = []
    for (const method of calls) {
      answers.push(await api(method, '/tasks', method === 'GET' ? undefined : { title: 'canary' }))
    }
    const statuses = answers.map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429, 201, 201, 429, 429])
    expect(await sql`select from tasks where user_id = ${user.id}`).toHaveLength(2)
    for (const response of answers) {
      const read = response === answers[0] || answers.indexOf(response) < 6
      expect(response.headers.get('RateLimit-Policy')).toBe(read ? '"read";q=4;w=60' : '"write";q=2;w=60')
      expect(response.headers.get('X-RateLimit-Limit')).toBe(read ? '4' : '2')
      const isRefused = response.status === 429
      if (!isRefused) for (const name of NUMBERS) expect(response.headers.get(name), name).toBeNull()
      if (isRefused) {
        const { retry_after = 0 } = await expectProblem(response, 429, 'rate_limit_exceeded')
        expect(response.headers.get('Retry-After')).toBe(`${retry_after}`)
        expect(retry_after).toBeGreaterThanOrEqual(1)
        expect(retry_after).toBeLessThanOrEqual(60)
      }
    }
  })
})

describe('the platform', () => {
  test('counts for all instances of a location, with the same numbers', async () => {
    const user = await aUser()
    await roomInWindow(10)
    const instances = [1, 2].map(() => apiWith(envWith({ upstash: 'refused' }), user.token)) as [Call, Call]
    const admitted = { GET: 0, POST: 0 }
    for (let i = 0; i < 120; i++) {
      const api = instances[i % 2] as Call
      if ((await api('GET', `/tasks/${NO_ID}`)).status === 404) admitted.GET += 1
      if (i < 40 && (await api('POST', '/tasks', { title: 'canary' })).status === 201) admitted.POST += 1
    }
    expect(admitted).toEqual({ GET: 100, POST: 30 })
    expect(await sql`select from tasks where user_id = ${user.id}`).toHaveLength(30)
    const refusal = await apiWith(envWith({ upstash: 'refused' }), user.token)('POST', '/tasks', {})
    const { retry_after } = await expectProblem(refusal, 429, 'rate_limit_exceeded')
    expect(refusal.headers.get('RateLimit')).toBe(`"write";r=0;t=${retry_after}`)
    expect(refusal.headers.get('X-RateLimit-Remaining')).toBe('0')
  })

  test('may be without such counters: the isolate has its own, minute by minute', async () => {
    const { token } = await aUser()
    skipToHalfPast()
    const none = { READS: undefined, WRITES: undefined }
    const api = apiWith(envWith({ upstash: 'refused', RATE_LIMIT_READS: '3', ...none }), token)
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await api('GET', '/tasks')).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    skipTo(60_000)
    expect((await api('GET', '/tasks')).status).toBe(200)
  })

  test('may fail too: the isolate has its own counter', async () => {
    const { token } = await aUser()
    skipToHalfPast()
    const broken = { limit: () => Promise.reject(new Error('canary')) } as RateLimit
    const all = { READS: broken, WRITES: broken }
    const api = apiWith(envWith({ upstash: 'refused', RATE_LIMIT_READS: '3', ...all }), token)
    const statuses: number[] = []
    for (let i = 0; i < 5; i++) statuses.push((await api('GET', '/tasks')).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
  })
})

describe('a refusal without Redis', () => {
  const word = (success: boolean) => ({ limit: () => Promise.resolve({ success }) }) as RateLimit

  test.each([
    ['no platform: to the end of the minute', undefined, ['isolate', 'isolate'], 30],
    ['a platform that had admitted: a minute', word(true), ['platform', 'isolate'], 60],
    ['a platform that refuses: a minute', word(false), ['platform'], 60],
  ])('says how long, with %s', async (_, READS, counters, seconds) => {
    const api = apiWith(envWith({ upstash: 'refused', RATE_LIMIT_READS: '1', READS }), (await aUser()).token)
    // The platform does not say where its minute begins; ours is half over.
    skipToHalfPast()
    let last: Response | undefined
    const lines = await logged(async () => {
      for (const _ of counters) last = await api('GET', '/tasks')
    })
    const { retry_after } = await expectProblem(last as Response, 429, 'rate_limit_exceeded')
    expect(retry_after).toBe(seconds)
    const requests = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'request')
    expect(requests.map(({ limiter }) => limiter)).toEqual(counters)
  })
})

const { fetch } = globalThis

/** What happens to a call to Redis on its way, as far as the isolate can see, until the test ends. */
function onTheWayToRedis(meet: (call: (url?: string) => Promise<Response>) => Promise<Response>): void {
  globalThis.fetch = async (input, init) => {
    const call = (url?: string) => fetch(url ?? input, init)
    return await (String(input).startsWith(env.UPSTASH_REDIS_REST_URL) ? meet(call) : call())
  }
}

/** Redis goes away and comes back. */
function aRedis() {
  const redis = { isAway: false }
  onTheWayToRedis(async (call) => {
    if (redis.isAway) throw new TypeError('canary network')
    return await call()
  })
  return redis
}

const outages = (lines: string[]) =>
  lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'limiter')
const modes = (lines: string[]) => outages(lines).map(({ mode }) => mode)

describe('an outage', () => {
  test('is waited for by at most one request in a hundred', async () => {
    const { token } = await aUser()
    const api = apiWith(envWith({ upstash: 'hang', ...UNLIMITED }), token)
    const lines = await logged(async () => {
      const { redis } = await record(async () => {
        for (let i = 0; i < 1_000; i++) expect((await api('GET', `/tasks/${NO_ID}`)).status).toBe(404)
      })
      expect(redis).toBeGreaterThanOrEqual(3)
      expect(redis).toBeLessThanOrEqual(10)
    })
    expect(outages(lines)).toMatchObject([{ mode: 'degraded', reason: 'TimeoutError' }])
  }, 120_000)

  test('is tried again after ten seconds, by one request of many, and is over when that succeeds', async () => {
    const { token } = await aUser()
    const api = apiWith(envWith(UNLIMITED), token)
    const many = () => Promise.all(Array.from({ length: 50 }, () => api('GET', `/tasks/${NO_ID}`)))
    await api('GET', '/tasks')
    const redis = aRedis()
    const lines = await logged(async () => {
      redis.isAway = true
      skip(0)
      for (let i = 0; i < 5; i++) await api('GET', '/tasks')
      expect((await record(many)).redis).toBe(0)
      skip(9_999)
      expect((await record(many)).redis).toBe(0)
      skip(1)
      expect((await record(many)).redis).toBe(1)
      skip(9_999)
      expect((await record(many)).redis).toBe(0)
      redis.isAway = false
      skip(1)
      expect((await record(() => api('GET', '/tasks'))).redis).toBe(1)
      // From now on there are leases again.
      expect((await Promise.all([1, 2, 3].map(() => api('GET', '/tasks')))).every(isCounted)).toBe(true)
    })
    expect(modes(lines)).toEqual(['degraded', 'redis'])
  })

  test('does not begin with two failures', async () => {
    const { token } = await aUser()
    const api = apiWith(envWith(UNLIMITED), token)
    await api('GET', '/tasks')
    const redis = aRedis()
    const lines = await logged(async () => {
      for (let i = 0; i < 6; i++) {
        redis.isAway = i % 3 !== 2
        expect((await api('GET', '/tasks')).status).toBe(200)
      }
    })
    expect(modes(lines)).toEqual([])
  })

  test('is neither over nor longer by what comes late of a call from before it', async () => {
    const { token } = await aUser()
    for (const isWell of [true, false]) {
      const api = apiWith(envWith(UNLIMITED), token)
      await api('GET', '/tasks')
      const late = Promise.withResolvers<void>()
      let calls = 0
      onTheWayToRedis(async (call) => {
        if (calls++ > 0) throw new TypeError('canary network')
        await late.promise
        if (isWell) return await call()
        throw new TypeError('canary network')
      })
      skip(0)
      const first = api('GET', '/tasks')
      while (calls === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      await Promise.all([1, 2, 3].map(() => api('GET', '/tasks')))
      skip(5_000)
      late.resolve()
      expect((await first).headers.has('RateLimit')).toBe(isWell)
      skip(4_999)
      expect((await record(() => api('GET', '/tasks'))).redis).toBe(0)
      skip(1)
      expect((await record(() => api('GET', '/tasks'))).redis).toBe(1)
    }
  })

  test.each([
    [new DOMException('canary', 'TimeoutError'), 'TimeoutError'],
    ['canary', 'unknown'],
  ])('is logged with the kind of its error, and no more (%s)', async (error, reason) => {
    const api = apiWith(envWith(UNLIMITED), (await aUser()).token)
    onTheWayToRedis(() => Promise.reject(error))
    const lines = await logged(async () => {
      for (let i = 0; i < 3; i++) await api('GET', '/tasks')
    })
    expect(outages(lines)).toMatchObject([{ level: 'warn', mode: 'degraded', reason }])
    expect(lines.join()).not.toContain('canary')
  })

  test('gives nobody a second budget who has spent the first at this instance', async () => {
    const { token } = await aUser()
    skipToHalfPast()
    const api = apiWith(envWith({ RATE_LIMIT_WRITES: '4' }), token)
    const write = async () => (await api('POST', '/tasks', { title: 'canary' })).status
    const before = [await write(), await write(), await write()]
    aRedis().isAway = true
    expect([...before, await write(), await write(), await write()]).toEqual([201, 201, 201, 201, 429, 429])
  })

  test('lets a look-up of a bad token go on being counted', async () => {
    skipToHalfPast()
    const bindings = envWith({ upstash: 'refused', RATE_LIMIT_READS: '20' })
    const address = randomAddress()
    const statuses: number[] = []
    for (let i = 0; i < 22; i++) {
      statuses.push((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status)
    }
    expect(statuses).toEqual([...Array(20).fill(401), 429, 429])
    expect((await client()('GET', '/tasks')).status).toBe(401)
  })

  test('leaves what is in hand to be spent, and its numbers known, until the minute ends', async () => {
    skipToHalfPast()
    const api = apiWith(envWith({ RATE_LIMIT_READS: '100' }), (await aUser()).token)
    // Six admitted, and the refill after the sixth brings six more.
    for (let i = 0; i < 6; i++) await api('GET', '/tasks')
    aRedis().isAway = true
    const lines = await logged(async () => {
      for (let i = 0; i < 6; i++) expect(isCounted(await api('GET', '/tasks'))).toBe(true)
      expect(isCounted(await api('GET', '/tasks'))).toBe(false)
      skip(30_000)
      expect(isCounted(await api('GET', '/tasks'))).toBe(false)
    })
    const counters = lines.map((line) => JSON.parse(line)).flatMap(({ limiter }) => limiter ?? [])
    expect(counters).toEqual([...Array(6).fill('lease'), 'platform', 'platform'])
  })
})

describe('a refusal by Redis itself', () => {
  test.each([
    ['WRONGPASS invalid or missing auth token', 'WRONGPASS'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'NOPERM'],
    [
      'ERR max daily request limit exceeded. Limit: 10000, Usage: 10000',
      'ERR max daily request limit exceeded',
    ],
    ['ERR Error running script: canary', 'ERR'],
    ['canary', 'UpstashError'],
    ['canary WRONGPASS', 'UpstashError'],
  ])('is logged with its words, and never what was sent (%s)', async (error, reason) => {
    const { token, id } = await aUser()
    const api = apiWith(envWith(UNLIMITED), token)
    onTheWayToRedis(() => Promise.resolve(Response.json({ error }, { status: 400 })))
    const lines = await logged(async () => {
      for (let i = 0; i < 3; i++) await api('GET', '/tasks')
    })
    expect(outages(lines)).toMatchObject([{ level: 'warn', mode: 'degraded', reason }])
    for (const word of ['canary', id]) expect(lines.join()).not.toContain(word)
  })

  test('is none where it is the network’s word', async () => {
    const api = apiWith(envWith(UNLIMITED), (await aUser()).token)
    onTheWayToRedis(() => Promise.reject(new TypeError('WRONGPASS')))
    const lines = await logged(async () => {
      for (let i = 0; i < 3; i++) await api('GET', '/tasks')
    })
    expect(outages(lines)).toMatchObject([{ mode: 'degraded', reason: 'TypeError' }])
  })
})

const isCounted = ({ headers }: Response) => headers.has('RateLimit')

test.each([
  [[1, 4], true],
  [[2, 4], false],
  [[0.5, 4], false],
  [[-1, 4], false],
  [[1, 0], false],
  [1, false],
])('what Redis answers is believed when it is a count of this request: %j, %s', async (result, is) => {
  const api = apiWith(envWith({ ...UNLIMITED, RATE_LIMIT_READS: '10' }), (await aUser()).token)
  onTheWayToRedis(() => Promise.resolve(Response.json({ result })))
  const response = await api('GET', '/tasks')
  expect(response.status).toBe(200)
  expect(isCounted(response)).toBe(is)
})

describe('a queue', () => {
  /** Redis takes so long for each call, one after the other. */
  function inTurn(ms: number): void {
    let turn: Promise<unknown> = Promise.resolve()
    onTheWayToRedis((call) => {
      const mine = turn.then(() => new Promise((resolve) => setTimeout(resolve, ms))).then(() => call())
      turn = mine
      return mine
    })
  }

  test('is no outage: what Redis answers in turn is waited for, though the last wait long', async () => {
    const api = apiWith(envWith(UNLIMITED), (await aUser()).token)
    await api('GET', '/tasks')
    inTurn(15)
    // The last answer comes after more than 250 ms, and on a machine that is three times as slow within the second.
    const many = Array.from({ length: 20 }, () => api('GET', `/tasks/${NO_ID}`))
    expect((await Promise.all(many)).filter(isCounted)).toHaveLength(20)
  })

  test('is left after a second, however well it moves', async () => {
    const api = apiWith(envWith(UNLIMITED), (await aUser()).token)
    await api('GET', '/tasks')
    inTurn(150)
    const answers = await Promise.all(Array.from({ length: 20 }, () => api('GET', `/tasks/${NO_ID}`)))
    const counted = answers.filter(isCounted).length
    expect(counted).toBeGreaterThanOrEqual(3)
    expect(counted).toBeLessThanOrEqual(10)
  })

  test('answers for the minute in which it was asked', async () => {
    const { token } = await aUser()
    const [here, there] = [1, 2].map(() =>
      apiWith(envWith({ ...UNLIMITED, RATE_LIMIT_READS: '3' }), token),
    ) as [Call, Call]
    const read = async (api: Call) => (await api('GET', `/tasks/${NO_ID}`)).status
    skipToHalfPast()
    expect([await read(here), await read(there), await read(there)]).toEqual([404, 404, 404])
    const late = Promise.withResolvers<void>()
    let calls = 0
    onTheWayToRedis(async (call) => {
      const isFirst = calls++ === 0
      const answer = await call()
      if (isFirst) await late.promise
      return answer
    })
    const first = read(here)
    while (calls === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    skip(120_000)
    expect(await read(here)).toBe(404)
    late.resolve()
    expect(await first).toBe(429)
    expect(await read(here)).toBe(404)
  })

  test('leaves behind a call that hangs while later ones are answered', async () => {
    const api = apiWith(envWith({ ...UNLIMITED, RATE_LIMIT_READS: '1000' }), (await aUser()).token)
    await api('GET', '/tasks')
    let calls = 0
    onTheWayToRedis((call) => call(calls++ === 0 ? `${env.FAULTY_UPSTASH}/~hang` : undefined))
    const hanging = api('GET', '/tasks')
    while (calls === 0) await scheduler.wait(1)
    expect(isCounted(await api('GET', '/tasks'))).toBe(true)
    expect(isCounted(await hanging)).toBe(false)
  })
})
