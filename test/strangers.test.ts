import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { app } from '../src/app.ts'
import type { Env } from '../src/env.ts'
import { apiWith, envWith, UNLIMITED } from './faults.ts'
import { record } from './recorder.ts'
import {
  aSession,
  aToken,
  aUser,
  type Call,
  client,
  expectProblem,
  hashOf,
  randomAddress,
  sql,
} from './support.ts'
import { logged, skip, skipTo, skipToHalfPast } from './watch.ts'

/** What callers without a session cost, and whom. */

// The first call of an isolate loads the limiter's script.
beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})

afterEach(() => {
  vi.useRealTimers()
})

const NOT_THERE = '/tasks/9007199254740991'

/** The Worker with a memory of its own, and no limit but the strangers'. */
const anIsolate = () => envWith(UNLIMITED)

/** Bad tokens, another each time, from one address; returns what was answered. */
async function guess(bindings: Env, address: string, times: number): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < times; i += 50) {
    const some = Array.from({ length: Math.min(50, times - i) }, () =>
      apiWith(bindings, aToken(), address)('GET', '/tasks'),
    )
    for (const { status } of await Promise.all(some)) found.push(status)
  }
  return found
}

/** Sessions of as many users, written at once. */
async function manySessions(count: number): Promise<string[]> {
  const tokens = Array.from({ length: count }, aToken)
  const hashes = await Promise.all(tokens.map((token) => hashOf(token)))
  await sql`with hashes as (select value, gen_random_uuid() as id from jsonb_array_elements_text(${JSON.stringify(hashes)}::jsonb)),
    people as (insert into users (id, email, name) select id, id || '@test', 'Test' from hashes)
    insert into user_sessions (user_id, token_hash, expires_at) select id, value, now() + interval '1 hour' from hashes`
  return tokens
}

describe('requests without a token', () => {
  test('are counted against the address: a hundred reads, thirty writes, then 429', async () => {
    skipToHalfPast()
    const api = client()
    const reads: number[] = []
    const writes: number[] = []
    for (let i = 0; i < 102; i++) reads.push((await api('GET', '/tasks')).status)
    for (let i = 0; i < 32; i++) writes.push((await api('POST', '/tasks', {})).status)
    expect(reads).toEqual([...Array(100).fill(401), 429, 429])
    expect(writes).toEqual([...Array(30).fill(401), 429, 429])
    expect((await client()('GET', '/tasks')).status).toBe(401)
  })

  test('count together, whatever is wrong with them', async () => {
    skipToHalfPast()
    const address = randomAddress()
    const calls = [undefined, 'canary', aToken(), undefined]
    const left: number[] = []
    for (const token of calls) {
      const { headers } = await client(token, address)('GET', '/tasks')
      left.push(Number(headers.get('X-RateLimit-Remaining')))
    }
    expect(left).toEqual([99, 98, 97, 96])
  })

  test('are refused with a wait that is meant', async () => {
    skipToHalfPast()
    const api = apiWith(envWith({ RATE_LIMIT_READS: '2', READS: undefined }))
    for (let i = 0; i < 2; i++) await api('GET', '/tasks')
    const response = await api('GET', '/tasks')
    const { retry_after } = await expectProblem(response, 429, 'rate_limit_exceeded')
    expect(response.headers.get('RateLimit')).toBe(`"read";r=0;t=${retry_after}`)
    expect(Date.now() + (retry_after ?? 0) * 1000).toBeGreaterThanOrEqual(
      Number(response.headers.get('X-RateLimit-Reset')) * 1000,
    )
  })
})

describe('bad tokens', () => {
  test('two hundred in ten seconds from one address are looked up, and those after them are not', async () => {
    const [bindings, address] = [anIsolate(), randomAddress()]
    skipTo(60_000)
    const trips = await record(async () => {
      expect(await guess(bindings, address, 200)).toEqual(Array(200).fill(401))
    })
    expect(trips.database).toBe(200)
    skipTo(3_000)
    let lines: string[] = []
    const after = await record(async () => {
      lines = await logged(async () => {
        for (const method of ['GET', 'POST']) {
          const refusal = await apiWith(bindings, aToken(), address)(method, '/tasks')
          const problem = await expectProblem(refusal, 429, 'rate_limit_exceeded')
          expect(problem.retry_after).toBe(7)
          expect(problem.rate_limit_info).toMatchObject({ limit: 200, remaining: 0, window_seconds: 10 })
          expect(refusal.headers.get('RateLimit-Policy')).toBe('"failure";q=200;w=10')
          expect(refusal.headers.get('RateLimit')).toBe('"failure";r=0;t=7')
        }
      })
    })
    expect(lines.map((line) => JSON.parse(line).limiter)).toEqual(['isolate', 'isolate'])
    expect(after).toMatchObject({ database: 0, redis: 0 })
  })

  test('below two hundred, or from another address, do nobody with a living session any harm', async () => {
    const [bindings, address] = [anIsolate(), randomAddress()]
    skipTo(60_000)
    await guess(bindings, address, 199)
    for (const from of [address, randomAddress()]) {
      expect((await apiWith(bindings, (await aUser()).token, from)('GET', '/tasks')).status).toBe(200)
      expect(
        (await apiWith(bindings, (await aUser()).token, from)('POST', '/tasks', { title: 'canary' })).status,
      ).toBe(201)
    }
  })

  test('past two hundred shut out only whom the isolate does not know, until the ten seconds are over', async () => {
    const [bindings, address] = [anIsolate(), randomAddress()]
    const [known, unknown] = [await aUser(), await aUser()].map(({ token }) =>
      apiWith(bindings, token, address),
    ) as [Call, Call]
    skipTo(60_000)
    expect((await known('GET', '/tasks')).status).toBe(200)
    await guess(bindings, address, 200)
    expect((await known('GET', '/tasks')).status).toBe(200)
    expect((await known('POST', '/tasks', { title: 'canary' })).status).toBe(201)
    const { retry_after = 0 } = await expectProblem(
      await unknown('GET', '/tasks'),
      429,
      'rate_limit_exceeded',
    )
    expect(retry_after).toBe(10)
    skip(1_000 * retry_after - 1)
    expect((await unknown('GET', '/tasks')).status).toBe(429)
    skip(1)
    expect((await unknown('GET', '/tasks')).status).toBe(200)
    expect(await guess(bindings, address, 1)).toEqual([401])
  })

  test('are counted by ten seconds of the clock', async () => {
    const [bindings, address] = [anIsolate(), randomAddress()]
    skipTo(69_999)
    await guess(bindings, address, 199)
    skip(1)
    expect(await guess(bindings, address, 200)).toEqual(Array(200).fill(401))
    expect(await guess(bindings, address, 1)).toEqual([429])
  })

  test('from the address that all Workers share never shut anybody out', async () => {
    const [bindings, address] = [anIsolate(), '2a06:98c0:3600::103']
    skipTo(60_000)
    expect(await guess(bindings, address, 250)).toEqual(Array(250).fill(401))
    expect((await apiWith(bindings, (await aUser()).token, address)('GET', '/tasks')).status).toBe(200)
  })

  test('one of them, shown by many requests at once, is one', async () => {
    const [bindings, address, { token, id }] = [
      envWith({ ...UNLIMITED, neon: 'delay,ms=300' }),
      randomAddress(),
      await aUser(),
    ]
    await sql`update user_sessions set revoked = true where user_id = ${id}`
    const dead = apiWith(bindings, token, address)
    const answers = await Promise.all(Array.from({ length: 250 }, () => dead('GET', '/tasks')))
    expect(answers.map(({ status }) => status)).toEqual(Array(250).fill(401))
    const next = apiWith(bindings, await aSession(id), address)
    expect((await next('GET', '/tasks')).status).toBe(200)
  })

  test('are remembered for ten seconds, and no longer', async () => {
    const [token, user] = [aToken(), await aUser()]
    const api = client(token)
    skip(0)
    expect((await api('GET', '/tasks')).status).toBe(401)
    await aSession(user.id, { token })
    skip(9_999)
    const { database } = await record(async () => expect((await api('GET', '/tasks')).status).toBe(401))
    expect(database).toBe(0)
    skip(1)
    expect((await api('GET', '/tasks')).status).toBe(200)
  })

  test('are charged to the budget of the address, over all instances', async () => {
    skipToHalfPast()
    const [address, settings] = [randomAddress(), { RATE_LIMIT_READS: '4' }]
    const instances = [envWith(settings), envWith(settings), envWith(settings)]
    const found: number[] = []
    for (let i = 0; i < 6; i++) found.push(...(await guess(instances[i % 3] as Env, address, 1)))
    expect(found).toEqual([401, 401, 401, 401, 429, 429])
    const [bindings] = instances as [Env]
    expect((await apiWith(bindings, (await aUser()).token, address)('GET', '/tasks')).status).toBe(200)
  })

  // All hundred thousand where the run may take its time.
  const FLOODS = env.REAL_SERVICES ? 1_000 : 22

  test(`${FLOODS * 100} of them cost 200 look-ups in ten seconds, and nobody else anything`, {
    timeout: 300_000,
  }, async () => {
    const [address, bindings] = [randomAddress(), envWith({})]
    const known = apiWith(bindings, (await aUser()).token, address)
    const strangers = await Promise.all(Array.from({ length: 10 }, aUser))
    const others = [known, ...strangers.map(({ token }) => apiWith(bindings, token))]
    await known('GET', '/tasks')
    const started = Math.floor(Date.now() / 10_000)
    const answers = { 401: 0, 429: 0 } as Record<number, number>
    const unharmed: number[] = []
    let lookUps = 0
    await logged(async () => {
      const { database } = await record(async () => {
        for (let i = 0; i < FLOODS; i++) {
          // Without a look at what they say, which would cost more than they do.
          const flood = Array.from({ length: 100 }, () => {
            const headers = { 'CF-Connecting-IP': address, Authorization: `Bearer ${aToken()}` }
            return app.fetch(new Request('https://api.test/tasks', { headers }), bindings)
          })
          for (const { status } of await Promise.all(flood)) answers[status] = (answers[status] ?? 0) + 1
          const other = others[i / Math.floor(FLOODS / others.length)]
          if (other) unharmed.push((await other('GET', '/tasks')).status)
        }
      })
      lookUps = database - others.length
    })
    const windows = Math.floor(Date.now() / 10_000) - started + 1
    expect(Object.keys(answers)).toEqual(['401', '429'])
    // A hundred at once may pass before the first of them is answered.
    expect(lookUps).toBeLessThanOrEqual(300 * windows)
    expect(unharmed).toEqual(Array(11).fill(200))
  })
})

describe('living sessions', () => {
  test('four hundred of them at one address, each new to the isolate, are all served', async () => {
    const [bindings, address] = [envWith({}), randomAddress()]
    const tokens = await manySessions(400)
    const found: number[] = []
    for (let i = 0; i < tokens.length; i += 50) {
      const some = tokens.slice(i, i + 50).map((token, j) => {
        const api = apiWith(bindings, token, address)
        return j % 2 ? api('GET', NOT_THERE) : api('DELETE', NOT_THERE)
      })
      for (const { status } of await Promise.all(some)) found.push(status)
    }
    expect(found).toEqual(Array(400).fill(404))
  })

  test('are not called bad when the database could not be asked', async () => {
    const [bindings, address] = [anIsolate(), randomAddress()]
    const tokens = await manySessions(201)
    const { fetch } = globalThis
    globalThis.fetch = () => Promise.reject(new TypeError('canary network'))
    try {
      const answers = tokens.map((token) =>
        apiWith(bindings, token, address)('POST', '/tasks', { title: 'canary' }),
      )
      for (const response of await Promise.all(answers)) {
        await expectProblem(response, 503, 'service_unavailable')
      }
    } finally {
      globalThis.fetch = fetch
    }
    for (const token of [tokens[0], tokens[200]]) {
      expect((await apiWith(bindings, token, address)('POST', '/tasks', { title: 'canary' })).status).toBe(
        201,
      )
    }
  })
})

describe('a session that dies', () => {
  test('is refused by the next request with the numbers of the address, not of the user', async () => {
    const user = await aUser()
    for (let i = 0; i < 10; i++) await user.api('GET', '/tasks')
    await sql`update user_sessions set revoked = true where user_id = ${user.id}`
    const response = await user.api('GET', '/tasks')
    await expectProblem(response, 401, 'authentication_error')
    expect(response.headers.get('X-RateLimit-Remaining')).toBe('99')
  })

  test.each([
    ['GET', 150, 100],
    ['POST', 40, 30],
  ])(
    'takes nothing of its owner’s budget, however often and however fast it is shown (%s)',
    async (method, times, limit) => {
      const user = await aUser()
      const [bindings, elsewhere] = [envWith({}), envWith({})]
      const ended = apiWith(bindings, user.token)
      const living = await aSession(user.id)
      const call = (api: Call) =>
        api(
          method,
          method === 'GET' ? NOT_THERE : '/tasks/bulk-delete',
          method === 'GET' ? undefined : { task_ids: [1] },
        )
      skipToHalfPast()
      const remaining = async (api: Call) => {
        const response = await call(api)
        expect(response.status).toBe(method === 'GET' ? 404 : 200)
        return Number(response.headers.get('X-RateLimit-Remaining'))
      }
      expect(await remaining(ended)).toBe(limit - 1)
      await sql`update user_sessions set revoked = true where token_hash = ${await hashOf(user.token)}`
      const answers = await Promise.all(Array.from({ length: times }, () => call(ended)))
      for (const { status } of answers) expect([401, 429]).toContain(status)
      expect(await remaining(apiWith(bindings, living))).toBe(limit - 2)
      expect(await remaining(apiWith(elsewhere, living))).toBeGreaterThanOrEqual(limit - 6)
    },
  )

  test('is a 401 and nothing else, whatever is wrong with the request', async () => {
    const user = await aUser()
    await user.api('GET', '/tasks')
    await sql`update user_sessions set expires_at = now() where user_id = ${user.id}`
    const calls = [
      ['GET', '/tasks?limit=0'],
      ['GET', '/tasks/0'],
      ['POST', '/tasks', '{'],
      ['PATCH', '/tasks/1', {}],
    ] as const
    for (const [method, path, body] of calls) expect((await user.api(method, path, body)).status).toBe(401)
  })
})
