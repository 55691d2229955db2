import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { record, type Trips } from './recorder.ts'
import { aSession, aToken, aUser, type Call, client, sql } from './support.ts'
import { skipToHalfPast } from './watch.ts'

/** What each row of the admission's table costs, counted at what leaves the isolate. */

const NO_ID = Number.MAX_SAFE_INTEGER
const NOT_THERE = `/tasks/${NO_ID}`

// The first call of a Redis loads the limiter's script, which is a call more.
beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})

afterEach(() => {
  vi.useRealTimers()
})

/** A user of an isolate that knows nobody yet, in a minute that does not end. */
async function aUserOf(settings = {}): Promise<{ api: Call; id: string; token: string }> {
  const { id, token } = await aUser()
  skipToHalfPast()
  return { id, token, api: apiWith(envWith(settings), token) }
}

const read = (api: Call) => api('GET', '/tasks')
const write = (api: Call) => api('POST', '/tasks', { title: 'canary' })

async function trips(status: number, call: () => Promise<Response>): Promise<Omit<Trips, 'commands'>> {
  const { commands: _, ...trips } = await record(async () => expect((await call()).status).toBe(status))
  return trips
}

/** The trips of so many calls, one after the other. */
async function each(times: number, status: number, call: () => Promise<Response>) {
  const found: Omit<Trips, 'commands'>[] = []
  for (let i = 0; i < times; i++) found.push(await trips(status, call))
  return found
}

const NONE = { database: 0, redis: 0, depth: 0 }
const STATEMENT = { database: 1, redis: 0, depth: 1 }
const WITH_REFILL = { database: 1, redis: 1, depth: 1 }
const GRANT_THEN_STATEMENT = { database: 1, redis: 1, depth: 2 }

describe('of a user whom the isolate does not know', () => {
  test('a read is the statement, then the grant', async () => {
    const { api } = await aUserOf()
    expect(await trips(200, () => read(api))).toEqual({ database: 1, redis: 1, depth: 2 })
  })

  test.each([
    ['POST', '/tasks', { title: 'canary' }, 201],
    ['PATCH', NOT_THERE, { title: 'canary' }, 404],
    ['DELETE', NOT_THERE, undefined, 404],
    ['POST', '/tasks/bulk-delete', { task_ids: [NO_ID] }, 200],
  ])('%s %s is the session, the grant, the statement', async (method, path, body, status) => {
    const { api } = await aUserOf()
    expect(await trips(status, () => api(method, path, body))).toEqual({ database: 2, redis: 1, depth: 3 })
  })

  test('a read by another session of a user with a unit in hand is the statement alone', async () => {
    const bindings = envWith({})
    const { id, token } = await aUser()
    skipToHalfPast()
    for (let i = 0; i < 3; i++) await read(apiWith(bindings, token))
    const other = await aSession(id)
    expect(await trips(200, () => read(apiWith(bindings, other)))).toEqual(STATEMENT)
  })
})

describe('of a user whom the isolate knows', () => {
  test('the reads of a minute, one after the other: one call deep, and ever fewer of them to Redis', async () => {
    const { api } = await aUserOf()
    await read(api)
    const found = await each(29, 200, () => read(api))
    expect(found.every(({ database, depth }) => database === 1 && depth === 1)).toBe(true)
    // The second asks beside its statement; the 3rd, 6th, 12th and 23rd leave an empty hand, and refill it.
    const asking = found.flatMap(({ redis }, i) => (redis > 0 ? [i + 2] : []))
    expect(asking).toEqual([2, 3, 6, 12, 23])
  })

  test('the first write waits for its grant, the second too, those from the third to the twentieth for none', async () => {
    const { api } = await aUserOf()
    await read(api)
    expect(await each(2, 201, () => write(api))).toEqual([GRANT_THEN_STATEMENT, GRANT_THEN_STATEMENT])
    const found = await each(18, 201, () => write(api))
    for (const trips of found) expect([STATEMENT, WITH_REFILL]).toContainEqual(trips)
  })

  test.each([
    ['PUT', NOT_THERE, { title: 'canary' }, 404],
    ['PATCH', NOT_THERE, { title: 'canary' }, 404],
    ['DELETE', NOT_THERE, undefined, 404],
    ['POST', '/tasks/bulk-delete', { task_ids: [NO_ID] }, 200],
  ])(
    '%s %s is the grant, then the statement, while nothing is in hand',
    async (method, path, body, status) => {
      const { api } = await aUserOf()
      await read(api)
      expect(await trips(status, () => api(method, path, body))).toEqual(GRANT_THEN_STATEMENT)
    },
  )

  test('a body that does not fit costs the look-up of the session alone', async () => {
    const { api } = await aUserOf()
    for (let i = 0; i < 3; i++) await write(api)
    expect(await trips(400, () => api('POST', '/tasks', {}))).toEqual(STATEMENT)
  })

  test('a spent budget costs nothing until the minute ends', async () => {
    const { api } = await aUserOf({ RATE_LIMIT_READS: '10', RATE_LIMIT_WRITES: '3' })
    await each(10, 200, () => read(api))
    await each(3, 201, () => write(api))
    expect(await each(20, 429, () => read(api))).toEqual(Array(20).fill(NONE))
    expect(await each(20, 429, () => write(api))).toEqual(Array(20).fill(NONE))
  })

  test('a budget that another instance has spent is asked for once', async () => {
    const { api, token } = await aUserOf({ RATE_LIMIT_READS: '10' })
    await read(api)
    const elsewhere = apiWith(envWith({ RATE_LIMIT_READS: '10' }), token)
    await each(9, 200, () => read(elsewhere))
    expect((await trips(429, () => read(api))).redis).toBe(1)
    expect(await each(20, 429, () => read(api))).toEqual(Array(20).fill(NONE))
  })

  test('a flood of reads sends no more statements, and asks no more often, than the budget has reads', async () => {
    const { api } = await aUserOf({ RATE_LIMIT_READS: '10' })
    await read(api)
    const answers: Response[] = []
    const flood = await record(async () => {
      answers.push(...(await Promise.all(Array.from({ length: 40 }, () => read(api)))))
    })
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(31)
    expect(flood).toMatchObject({ database: 9, redis: 9 })
  })
})

test('Redis is sent one command, with its credentials and nothing else', async () => {
  const { api } = await aUserOf()
  const fetch = vi.spyOn(globalThis, 'fetch')
  await read(api)
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

describe('without a session', () => {
  test('no token and no trip', async () => {
    expect(await trips(401, () => read(client()))).toEqual(NONE)
    expect(await trips(401, () => write(client()))).toEqual(NONE)
  })

  test.each(['canary', 'canary canary canary', `canary${'x'.repeat(300)}`, '%63anary%', 'canary-canary-.'])(
    'a token that cannot be one (%s) makes no trip',
    async (token) => {
      expect(await trips(401, () => read(client(token)))).toEqual(NONE)
    },
  )

  test('an unknown token is one look-up, then the count over all instances', async () => {
    const once = { database: 1, redis: 1, depth: 2 }
    expect(await trips(401, () => read(client(aToken())))).toEqual(once)
    expect(await trips(401, () => write(client(aToken())))).toEqual(once)
  })

  test('the same bad token again and again makes no trip', async () => {
    skipToHalfPast()
    const api = client(aToken())
    expect((await trips(401, () => read(api))).database).toBe(1)
    expect(await each(50, 401, () => read(api))).toEqual(Array(50).fill(NONE))
  })

  test('a session that has died is looked up by the very next request, and then not again', async () => {
    const { api, id } = await aUserOf()
    await read(api)
    await sql`update user_sessions set revoked = true where user_id = ${id}`
    expect((await trips(401, () => read(api))).database).toBe(1)
    expect(await trips(401, () => read(api))).toEqual(NONE)
  })
})
