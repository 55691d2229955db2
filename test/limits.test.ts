import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { record } from './recorder.ts'
import {
  aRow,
  aSession,
  aToken,
  aUser,
  type Call,
  client,
  etagOf,
  expectProblem,
  randomAddress,
  sql,
} from './support.ts'
import { logged, skip, skipTo, skipToHalfPast } from './watch.ts'

// The first call of an isolate loads the limiter's script.
beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})

afterEach(() => {
  vi.useRealTimers()
})

const SMALL = { RATE_LIMIT_READS: '5', RATE_LIMIT_WRITES: '3' }
const NUMBERS = [
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
]

/** A user of small budgets, in a minute that does not end. */
async function aLimitedUser(settings: Parameters<typeof envWith>[0] = {}) {
  const user = await aUser()
  const bindings = { ...SMALL, ...settings }
  skipToHalfPast()
  return {
    ...user,
    api: apiWith(envWith(bindings), user.token),
    elsewhere: () => apiWith(envWith(bindings), user.token),
  }
}

async function statuses(times: number, call: () => Promise<Response>): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < times; i++) found.push((await call()).status)
  return found
}

const spend = async (api: Call) => {
  await statuses(5, () => api('GET', '/tasks'))
  await statuses(3, () => api('DELETE', '/tasks/9007199254740991'))
}

const left = (response: Response) => Number(response.headers.get('X-RateLimit-Remaining'))

describe('the budgets', () => {
  test('are 100 reads and 30 writes a minute, to the request', async () => {
    const user = await aUser()
    skipToHalfPast()
    const reads = await statuses(104, () => user.api('GET', '/tasks/9007199254740991'))
    const writes = await statuses(34, () => user.api('POST', '/tasks', { title: 'canary' }))
    expect(reads).toEqual([...Array(100).fill(404), ...Array(4).fill(429)])
    expect(writes).toEqual([...Array(30).fill(201), ...Array(4).fill(429)])
    expect(await sql`select from tasks where user_id = ${user.id}`).toHaveLength(30)
  })

  test('hold to the request when all requests come at once', async () => {
    const { api } = await aLimitedUser()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        i % 2 ? api('GET', '/tasks') : api('POST', '/tasks', { title: 'canary' }),
      ),
    )
    const count = (status: number) => answers.filter((response) => response.status === status).length
    expect([count(200), count(201), count(429)]).toEqual([5, 3, 32])
    const waits = answers.map(({ headers }) => headers.get('Retry-After')).filter((wait) => wait !== null)
    expect(new Set(waits)).toEqual(new Set(['30']))
  })

  test('are one over all instances, and over all sessions of a user', async () => {
    const user = await aLimitedUser()
    const other = apiWith(envWith(SMALL), await aSession(user.id))
    const instances = [user.api, user.elsewhere(), other]
    const answers: number[] = []
    for (let i = 0; i < 9; i++) answers.push((await instances[i % 3]?.('GET', '/tasks'))?.status ?? 0)
    expect(answers).toEqual([...Array(5).fill(200), ...Array(4).fill(429)])
  })

  test('of users who share an address are apart', async () => {
    const address = randomAddress()
    const [one, other] = [await aLimitedUser(), await aLimitedUser()]
    const [first, second] = [one, other].map(({ token }) => apiWith(envWith(SMALL), token, address)) as [
      Call,
      Call,
    ]
    await spend(first)
    expect((await first('GET', '/tasks')).status).toBe(429)
    expect((await second('GET', '/tasks')).status).toBe(200)
  })

  test('are one for GET and HEAD, and one for POST, PUT, PATCH and DELETE, on whatever route', async () => {
    const { api, id } = await aLimitedUser({ RATE_LIMIT_READS: '9', RATE_LIMIT_WRITES: '9' })
    const path = `/tasks/${await aRow(id)}`
    const reads = [await api('GET', '/tasks'), await api('HEAD', path), await api('GET', path)]
    const writes = [
      await api('POST', '/tasks', { title: 'canary' }),
      await api('POST', '/tasks/bulk-delete', { task_ids: [1] }),
      await api('PUT', path, { completed: true }),
      await api('PATCH', path, { completed: false }),
      await api('DELETE', path),
    ]
    expect(reads.map(left)).toEqual([8, 7, 6])
    expect(writes.map(left)).toEqual([8, 7, 6, 5, 4])
  })

  test('are untouched by what is free', async () => {
    const { api } = await aLimitedUser()
    expect(left(await api('GET', '/tasks'))).toBe(4)
    for (const [method, path] of [
      ['OPTIONS', '/tasks'],
      ['GET', '/health'],
      ['GET', '/health/ready'],
      ['GET', '/'],
    ] as const) {
      const response = await api(method, path)
      for (const name of NUMBERS) expect(response.headers.get(name), `${method} ${path} ${name}`).toBeNull()
    }
    expect(left(await api('GET', '/tasks'))).toBe(3)
  })
})

describe('the headers', () => {
  test('say what is left, of how much, and when it is whole again', async () => {
    const { api } = await aLimitedUser()
    await api('GET', '/tasks')
    const response = await api('GET', '/tasks')
    const { headers } = response
    expect(headers.get('X-RateLimit-Limit')).toBe('5')
    expect(headers.get('X-RateLimit-Remaining')).toBe('3')
    expect(headers.get('RateLimit-Policy')).toBe('"read";q=5;w=60')
    const reset = Number(headers.get('X-RateLimit-Reset'))
    expect(reset % 60).toBe(0)
    expect(reset * 1000 - Date.now()).toBeGreaterThan(0)
    expect(reset * 1000 - Date.now()).toBeLessThanOrEqual(60_000)
    // draft-ietf-httpapi-ratelimit-headers §4: r and t, in whole seconds from now.
    const [, r, t] = /^"read";r=(\d+);t=(\d+)$/.exec(headers.get('RateLimit') ?? '') ?? []
    expect(r).toBe('3')
    expect(Math.abs(Date.now() / 1000 + Number(t) - reset)).toBeLessThan(5)
    expect((await api('DELETE', '/tasks/9007199254740991')).headers.get('RateLimit-Policy')).toBe(
      '"write";q=3;w=60',
    )
  })

  test('stand on every answer of a limited route, whatever it is', async () => {
    const user = await aUser()
    const task = await user.task()
    const path = `/tasks/${task.id}`
    const answers: [number, Response][] = [
      [200, await user.api('GET', '/tasks')],
      [304, await user.api('GET', path, undefined, { 'If-None-Match': await etagOf(user.api, path) })],
      [400, await user.api('GET', '/tasks?limit=0')],
      [400, await user.api('POST', '/tasks', {})],
      [401, await client()('GET', '/tasks')],
      [401, await client('canary')('GET', '/tasks')],
      [401, await client(aToken())('GET', '/tasks')],
      [401, await client(aToken())('POST', '/tasks', {})],
      [404, await user.api('GET', '/tasks/9007199254740991')],
      [412, await user.api('PUT', path, { completed: true }, { 'If-Match': '"7"' })],
      [415, await user.api('POST', '/tasks', 'canary', { 'Content-Type': 'text/plain' })],
      [204, await user.api('DELETE', path)],
    ]
    for (const [status, response] of answers) {
      expect(response.status).toBe(status)
      for (const name of NUMBERS) expect(response.headers.get(name), `${status} ${name}`).not.toBeNull()
    }
  })

  test('stand on a 503 too, of a user whom the isolate knows', async () => {
    const { token } = await aUser()
    const bindings = envWith({ ...SMALL, neon: 'status,code=500,on=order by' })
    const api = apiWith(bindings, token)
    expect((await api('GET', '/tasks/9007199254740991')).status).toBe(404)
    const response = await api('GET', '/tasks')
    expect(response.status).toBe(503)
    for (const name of NUMBERS) expect(response.headers.get(name), name).not.toBeNull()
  })

  test.each([
    [503, 'status,code=500,on=order by'],
    [500, 'status,code=400,sqlstate=22012,on=order by'],
  ] as const)(
    'do not stand on a %s of a session that is not known: nobody says whose they are',
    async (status, neon) => {
      const api = apiWith(envWith({ ...SMALL, neon }), (await aUser()).token)
      const response = await api('GET', '/tasks')
      expect(response.status).toBe(status)
      for (const name of ['RateLimit-Policy', ...NUMBERS]) expect(response.headers.get(name), name).toBeNull()
    },
  )
})

describe('a client that sends at full speed, and waits exactly as told', () => {
  test.each([
    ['POST', 30],
    ['GET', 100],
  ])('has the whole budget of each minute (%s)', async (method, limit) => {
    const { token } = await aUser()
    // Two connections, to two instances.
    const apis = [1, 2].map(() => apiWith(envWith({}), token)) as [Call, Call]
    const call = (i: number) =>
      method === 'GET'
        ? (apis[i % 2] as Call)('GET', '/tasks/9007199254740991')
        : (apis[i % 2] as Call)('POST', '/tasks/bulk-delete', { task_ids: [1] })
    skipTo(75_250)
    for (let minute = 0; minute < 3; minute++) {
      let [admitted, calls] = [0, 0]
      let response = await call(calls++)
      for (; response.status !== 429; response = await call(calls++)) admitted += 1
      // One unit at the most is in the other instance's hand.
      while ((await call(calls++)).status !== 429) admitted += 1
      expect(admitted).toBe(limit)
      const seconds = Number(response.headers.get('Retry-After'))
      expect(seconds).toBe(minute === 0 ? 45 : 60)
      expect(response.headers.get('RateLimit')).toMatch(new RegExp(`r=0;t=${seconds}$`))
      skip(seconds * 1000)
    }
  })
})

describe('a refusal', () => {
  test('is a 429 that says how long to wait, in all its places', async () => {
    const { api } = await aLimitedUser()
    await spend(api)
    for (const [method, budget, limit] of [
      ['GET', 'read', 5],
      ['DELETE', 'write', 3],
    ] as const) {
      const response = await api(method, '/tasks/1')
      const { headers } = response
      const problem = await expectProblem(response, 429, 'rate_limit_exceeded')
      const seconds = Number(headers.get('Retry-After'))
      expect(seconds).toBe(30)
      expect(problem.retry_after).toBe(seconds)
      expect(problem.title).toBe('Rate limit exceeded')
      expect(problem.detail).toBe(`Too many requests. Retry after ${seconds} seconds.`)
      expect(headers.get('RateLimit')).toBe(`"${budget}";r=0;t=${seconds}`)
      expect(headers.get('RateLimit-Policy')).toBe(`"${budget}";q=${limit};w=60`)
      expect(headers.get('X-RateLimit-Limit')).toBe(`${limit}`)
      expect(headers.get('X-RateLimit-Remaining')).toBe('0')
      const reset = Number(headers.get('X-RateLimit-Reset'))
      expect(problem.rate_limit_info).toEqual({ limit, remaining: 0, reset, window_seconds: 60 })
      expect(Date.now() / 1000 + seconds).toBe(reset)
    }
  })

  test('of a write leaves no row, changes none and deletes none', async () => {
    const { api, id } = await aLimitedUser()
    const task = await aRow(id, { title: 'canary before' })
    const rows = () => sql`select * from tasks where user_id = ${id}`
    const before = await rows()
    await spend(api)
    for (const call of [
      () => api('POST', '/tasks', { title: 'canary' }),
      () => api('POST', '/tasks', { title: 'canary' }, { 'Idempotency-Key': 'canary' }),
      () => api('PUT', `/tasks/${task}`, { title: 'canary' }),
      () => api('PATCH', `/tasks/${task}`, { completed: true }),
      () => api('DELETE', `/tasks/${task}`),
      () => api('POST', '/tasks/bulk-delete', { task_ids: [task] }),
    ]) {
      await expectProblem(await call(), 429, 'rate_limit_exceeded')
    }
    expect(await rows()).toEqual(before)
  })

  test.each([
    ['before', false],
    ['beside', true],
  ])('of a read, decided %s the statement, shows nothing of it', async (_, beside) => {
    const { api, elsewhere, id } = await aLimitedUser({ RATE_LIMIT_READS: '20' })
    const task = await aRow(id, { title: 'canary of a secret' })
    await aRow(id)
    const paths = ['/tasks?limit=1', '/tasks', `/tasks/${task}`]
    if (beside) {
      // This instance has seen plenty left; another one spends it.
      await api('GET', '/tasks')
      await statuses(19, elsewhere().bind(null, 'GET', '/tasks'))
    } else {
      await statuses(20, () => api('GET', '/tasks'))
    }
    const [first = '', ...others] = paths
    const trips = await record(async () => {
      const response = await api('GET', first)
      for (const name of ['ETag', 'Link', 'Location', 'Last-Modified'])
        expect(response.headers.get(name), name).toBeNull()
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      expect(JSON.stringify(await expectProblem(response, 429, 'rate_limit_exceeded'))).not.toContain(
        'canary of',
      )
    })
    expect(trips.database).toBe(beside ? 1 : 0)
    for (const path of others) {
      const response = await api('GET', path)
      for (const name of ['ETag', 'Link', 'Location', 'Last-Modified'])
        expect(response.headers.get(name), name).toBeNull()
      expect(JSON.stringify(await expectProblem(response, 429, 'rate_limit_exceeded'))).not.toContain(
        'canary of',
      )
    }
  })

  test('takes the place of a 503, and of what that said of when to come back, but for the log', async () => {
    const { api, elsewhere } = await aLimitedUser({
      RATE_LIMIT_READS: '20',
      neon: 'status,code=500,on=order by',
    })
    await api('GET', '/tasks/9007199254740991')
    await statuses(19, elsewhere().bind(null, 'GET', '/tasks/9007199254740991'))
    const lines = await logged(async () => {
      await expectProblem(await api('GET', '/tasks'), 429, 'rate_limit_exceeded')
    })
    expect(lines.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
      status: 429,
      fault: 'database: HTTP 500',
    })
  })

  test('takes the place of a 401, and of its challenge', async () => {
    const { id, token } = await aLimitedUser()
    const address = randomAddress()
    const instances = [1, 2].map(() => apiWith(envWith({ ...SMALL, RATE_LIMIT_READS: '1' }), token, address))
    await sql`update user_sessions set revoked = true where user_id = ${id}`
    await expectProblem(await (instances[0] as Call)('GET', '/tasks'), 401, 'authentication_error')
    await expectProblem(await (instances[1] as Call)('GET', '/tasks'), 429, 'rate_limit_exceeded')
  })

  test('is logged with the counter that decided, and nothing of the caller', async () => {
    const { api, id } = await aLimitedUser()
    const lines = await logged(async () => {
      await spend(api)
      await api('GET', '/tasks')
    })
    const requests = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'request')
    expect(requests.at(0)).toMatchObject({ status: 200, limiter: 'redis' })
    expect(requests.at(-1)).toMatchObject({
      status: 429,
      limiter: expect.stringMatching(/^(redis|isolate)$/),
    })
    expect(lines.join()).not.toContain(id)
  })
})
