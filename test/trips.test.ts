import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { record } from './recorder.ts'
import { aSession, aToken, aUser, type Call, client, sql } from './support.ts'
import { logged, skip, skipTo, skipToHalfPast } from './watch.ts'

/** The limiter runs beside reads and before writes: counted at what leaves the isolate. */

const NO_ID = Number.MAX_SAFE_INTEGER
const NOT_THERE = `/tasks/${NO_ID}`

// The first call of an isolate loads the limiter's script, which is a call more.
beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})

afterEach(() => {
  vi.useRealTimers()
})

/** A user whom the isolate has served before, with all of a small budget left but one read and one write. */
async function aKnownUser(settings = {}): Promise<{ api: Call; id: string }> {
  const { id, token } = await aUser()
  const api = apiWith(envWith({ RATE_LIMIT_READS: '10', RATE_LIMIT_WRITES: '3', ...settings }), token)
  skipToHalfPast()
  expect((await api('GET', '/tasks')).status).toBe(200)
  expect((await api('POST', '/tasks', { title: 'canary' })).status).toBe(201)
  return { api, id }
}

async function spend(api: Call, method: string, times: number): Promise<void> {
  const body = method === 'GET' ? undefined : { title: 'canary' }
  for (let i = 0; i < times; i++) await api(method, '/tasks', body)
}

const trips = async (status: number, call: () => Promise<Response>) => {
  const { database, redis, depth } = await record(async () => expect((await call()).status).toBe(status))
  return { database, redis, depth }
}

describe('of a user whom the isolate knows', () => {
  test('a read is one trip: limiter and statement together', async () => {
    const { api } = await aKnownUser()
    const read = await trips(200, () => api('GET', '/tasks'))
    expect(read).toEqual({ database: 1, redis: 1, depth: 1 })
  })

  test('a read of what is not there is one trip too', async () => {
    const { api } = await aKnownUser()
    expect(await trips(404, () => api('GET', NOT_THERE))).toEqual({ database: 1, redis: 1, depth: 1 })
  })

  test.each([
    ['is one trip while more than a tenth of the budget will be left', 6, 1],
    ['waits for the limiter when a tenth of the budget will be left', 7, 2],
  ])('a read %s', async (_, reads, depth) => {
    const { api } = await aKnownUser()
    await spend(api, 'GET', reads)
    expect(await trips(200, () => api('GET', '/tasks'))).toEqual({ database: 1, redis: 1, depth })
  })

  test.each([
    ['waits for the limiter to the end of the next minute', 119_999, 2],
    ['is one trip after that', 120_000, 1],
  ])('a read of a budget that was low %s', async (_, ms, depth) => {
    const { api } = await aKnownUser()
    await spend(api, 'GET', 7)
    skipTo(ms)
    expect(await trips(200, () => api('GET', '/tasks'))).toEqual({ database: 1, redis: 1, depth })
  })

  test.each([
    ['POST', '/tasks', { title: 'canary' }, 201],
    ['PUT', NOT_THERE, { title: 'canary' }, 404],
    ['PATCH', NOT_THERE, { title: 'canary' }, 404],
    ['DELETE', NOT_THERE, undefined, 404],
    ['POST', '/tasks/bulk-delete', { task_ids: [NO_ID] }, 200],
  ])('%s %s is two: the limiter, then the statement', async (method, path, body, status) => {
    const { api } = await aKnownUser()
    const write = await trips(status, () => api(method, path, body))
    expect(write).toEqual({ database: 1, redis: 1, depth: 2 })
  })

  test('a read or a write of a spent budget costs the database nothing, nor, soon after, the limiter', async () => {
    const { api } = await aKnownUser()
    await spend(api, 'GET', 10)
    await spend(api, 'POST', 3)
    const flood = await record(async () => {
      for (let i = 0; i < 20; i++) {
        expect((await api('GET', '/tasks')).status).toBe(429)
        expect((await api('POST', '/tasks', { title: 'canary' })).status).toBe(429)
      }
    })
    expect(flood.database).toBe(0)
    expect(flood.redis).toBeLessThan(40)
  })

  test('a flood on a budget that another instance has spent asks the limiter twice a second', async () => {
    const { token } = await aUser()
    const [here, there] = [1, 2].map(() => apiWith(envWith({ RATE_LIMIT_READS: '10' }), token)) as [
      Call,
      Call,
    ]
    skipToHalfPast()
    await here('GET', '/tasks')
    await spend(there, 'GET', 10)
    skip(0)
    const flood = () => record(() => spend(here, 'GET', 20))
    const lines = await logged(async () => {
      expect(await flood()).toMatchObject({ database: 1, redis: 1 })
    })
    const counters = lines.map((line) => JSON.parse(line).limiter)
    expect(counters).toEqual(['redis', ...Array(19).fill('isolate')])
    skip(499)
    expect(await flood()).toMatchObject({ database: 0, redis: 0 })
    skip(1)
    expect(await flood()).toMatchObject({ database: 0, redis: 1 })
  })

  test('a flood of reads sends no more statements than the budget has reads', async () => {
    const { api } = await aKnownUser()
    const answers: Response[] = []
    const flood = await record(async () => {
      answers.push(...(await Promise.all(Array.from({ length: 40 }, () => api('GET', '/tasks')))))
    })
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(31)
    expect(flood.database).toBe(9)
    expect(flood.redis).toBe(9)
  })
})

test('the limiter is sent one command, with its credentials and nothing else', async () => {
  const { api } = await aKnownUser()
  const fetch = vi.spyOn(globalThis, 'fetch')
  await api('GET', '/tasks')
  const calls = fetch.mock.calls.filter(([input]) => input === env.UPSTASH_REDIS_REST_URL)
  fetch.mockRestore()
  expect(calls).toHaveLength(1)
  const [, init] = calls[0] as Parameters<typeof globalThis.fetch>
  expect(Object.fromEntries(new Headers(init?.headers))).toEqual({
    authorization: `Bearer ${env.UPSTASH_REDIS_REST_TOKEN}`,
    'content-type': 'application/json',
  })
  expect(JSON.parse(String(init?.body))[0]).toBe('evalsha')
})

describe('of a user whom the isolate does not know', () => {
  test('a read is the statement, then the limiter', async () => {
    const { api } = await aUser()
    expect(await trips(200, () => api('GET', '/tasks'))).toEqual({ database: 1, redis: 1, depth: 2 })
  })

  test('a write is the session, the limiter, the statement', async () => {
    const { api } = await aUser()
    const write = await trips(201, () => api('POST', '/tasks', { title: 'canary' }))
    expect(write).toEqual({ database: 2, redis: 1, depth: 3 })
  })
})

describe('without a session', () => {
  const NONE = { database: 0, redis: 0, depth: 0 }

  test('no token and no trip', async () => {
    expect(await trips(401, () => client()('GET', '/tasks'))).toEqual(NONE)
    expect(await trips(401, () => client()('POST', '/tasks', { title: 'canary' }))).toEqual(NONE)
  })

  test.each(['canary', 'canary canary canary', `canary${'x'.repeat(300)}`, '%63anary%', 'canary-canary-.'])(
    'a token that cannot be one (%s) makes no trip',
    async (token) => {
      expect(await trips(401, () => client(token)('GET', '/tasks'))).toEqual(NONE)
    },
  )

  test('an unknown token is one look-up, then the count over all instances', async () => {
    expect(await trips(401, () => client(aToken())('GET', '/tasks'))).toEqual({
      database: 1,
      redis: 1,
      depth: 2,
    })
  })

  test('the same bad token a hundred times is one look-up', async () => {
    skipToHalfPast()
    const api = client(aToken())
    const statuses: number[] = []
    const { database } = await record(async () => {
      for (let i = 0; i < 100; i++) statuses.push((await api('GET', '/tasks')).status)
    })
    expect(statuses).toEqual(Array(100).fill(401))
    expect(database).toBe(1)
  })

  test('a session that has died is looked up by the very next request, and then not again', async () => {
    const { id } = await aKnownUser()
    const token = await aSession(id)
    const api = client(token)
    expect((await api('GET', '/tasks')).status).toBe(200)
    await sql`update user_sessions set revoked = true where user_id = ${id}`
    expect((await trips(401, () => api('GET', '/tasks'))).database).toBe(1)
    expect((await trips(401, () => api('GET', '/tasks'))).database).toBe(0)
  })
})
