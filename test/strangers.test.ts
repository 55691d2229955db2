import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { app } from '../src/app.ts'
import { apiWith, envWith, UNLIMITED } from './faults.ts'
import { record } from './recorder.ts'
import { aSession, aToken, aUser, client, expectProblem, hashOf, randomAddress, sql } from './support.ts'
import { logged, skip, skipTo, skipToHalfPast } from './watch.ts'

/** What callers without a session cost, and whom. */

// The first call of an isolate loads the limiter's script.
beforeAll(async () => {
  await (await aUser()).api('GET', '/tasks')
})

afterEach(() => {
  vi.useRealTimers()
})

/** Bad tokens, another each time, from one address. */
const guess = (address: string, method = 'GET') => client(aToken(), address)(method, '/tasks')

async function guessUntilBlocked(address: string): Promise<void> {
  for (let i = 0; i < 20; i++) expect((await guess(address)).status).toBe(401)
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
    expect(Date.now() + (retry_after ?? 0) * 1000).toBeGreaterThan(
      Number(response.headers.get('X-RateLimit-Reset')) * 1000,
    )
  })
})

describe('bad tokens', () => {
  test('twenty a minute from one address are looked up; those after it are not', async () => {
    skipToHalfPast()
    const address = randomAddress()
    expect((await record(() => guessUntilBlocked(address))).database).toBe(20)
    const after = await record(async () => {
      for (const method of ['GET', 'POST']) {
        await expectProblem(await guess(address, method), 429, 'rate_limit_exceeded')
      }
    })
    expect(after).toMatchObject({ database: 0, redis: 0 })
  })

  test('shut out their own address only', async () => {
    skipToHalfPast()
    const address = randomAddress()
    await guessUntilBlocked(address)
    expect((await guess(address)).status).toBe(429)
    expect((await guess(randomAddress())).status).toBe(401)
    expect((await (await aUser()).api('GET', '/tasks')).status).toBe(200)
  })

  test('do not harm a user at the same address whom the isolate knows', async () => {
    skipToHalfPast()
    const address = randomAddress()
    const api = client((await aUser()).token, address)
    expect((await api('GET', '/tasks')).status).toBe(200)
    await guessUntilBlocked(address)
    expect((await guess(address)).status).toBe(429)
    expect((await api('GET', '/tasks')).status).toBe(200)
    expect((await api('POST', '/tasks', { title: 'canary' })).status).toBe(201)
  })

  test('shut out a user at the same address whom the isolate does not know, for as long as it says', async () => {
    skipToHalfPast()
    const bindings = envWith({ FAILURES: undefined, LOOKUPS: undefined })
    const [address, { token }] = [randomAddress(), await aUser()]
    for (let i = 0; i < 20; i++) {
      expect((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status).toBe(401)
    }
    const api = apiWith(bindings, token, address)
    const { retry_after = 0 } = await expectProblem(await api('GET', '/tasks'), 429, 'rate_limit_exceeded')
    expect(retry_after).toBeLessThanOrEqual(60)
    skip(1_000 * retry_after)
    expect((await api('GET', '/tasks')).status).toBe(200)
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

  test('are counted by the minute', async () => {
    const [bindings, address] = [envWith({ FAILURES: undefined, LOOKUPS: undefined }), randomAddress()]
    const failures = async (times: number) => {
      for (let i = 0; i < times; i++) {
        expect((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status).toBe(401)
      }
    }
    skip(0)
    await failures(19)
    skipTo(60_000)
    await failures(20)
    expect((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status).toBe(429)
    skip(60_000)
    await failures(1)
  })

  test('are counted over all instances', async () => {
    skipToHalfPast()
    const address = randomAddress()
    const settings = { RATE_LIMIT_READS: '4' }
    const instances = [envWith(settings), envWith(settings), envWith(settings)]
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) {
      const bindings = instances[i % 3] as ReturnType<typeof envWith>
      statuses.push((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429])
  })

  test('a hundred thousand of them cost 300 look-ups a minute, and nobody else anything', {
    timeout: 300_000,
  }, async () => {
    const [address, bindings] = [randomAddress(), envWith({})]
    const known = apiWith(bindings, (await aUser()).token, address)
    const strangers = await Promise.all(Array.from({ length: 10 }, aUser))
    const others = [known, ...strangers.map(({ token }) => apiWith(bindings, token))]
    await known('GET', '/tasks')
    const started = Math.floor(Date.now() / 60_000)
    const answers = { 401: 0, 429: 0 } as Record<number, number>
    const unharmed: number[] = []
    let lookUps = 0
    await logged(async () => {
      const { database } = await record(async () => {
        for (let i = 0; i < 1_000; i++) {
          // Without a look at what they say, which would cost more than they do.
          const flood = Array.from({ length: 100 }, () => {
            const headers = { 'CF-Connecting-IP': address, Authorization: `Bearer ${aToken()}` }
            return app.fetch(new Request('https://api.test/tasks', { headers }), bindings)
          })
          for (const { status } of await Promise.all(flood)) answers[status] = (answers[status] ?? 0) + 1
          const other = i % 91 === 0 ? others[i / 91] : undefined
          if (other) unharmed.push((await other('GET', '/tasks')).status)
        }
      })
      lookUps = database - others.length
    })
    const minutes = Math.floor(Date.now() / 60_000) - started + 1
    expect(Object.keys(answers)).toEqual(['401', '429'])
    expect(lookUps).toBeLessThanOrEqual(300 * minutes)
    expect(unharmed).toEqual(Array(11).fill(200))
  })
})

describe('sessions that an instance does not know yet', () => {
  const refusing = { limit: () => Promise.resolve({ success: false }) } as RateLimit

  test('are looked up 300 times a minute for one address, and those it knows are served on', async () => {
    const { id } = await aUser()
    const tokens = Array.from({ length: 301 }, aToken)
    const hashes = await Promise.all(tokens.map((token) => hashOf(token)))
    await sql`insert into user_sessions (user_id, token_hash, expires_at)
      select ${id}, value, now() + interval '1 hour' from jsonb_array_elements_text(${JSON.stringify(hashes)}::jsonb)`
    const [bindings, address] = [envWith(UNLIMITED), randomAddress()]
    skipToHalfPast()
    const send = (token?: string) => apiWith(bindings, token, address)('GET', '/tasks/9007199254740991')
    for (let i = 0; i < 300; i += 50) {
      const answers = await Promise.all(tokens.slice(i, i + 50).map(send))
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(404))
    }
    const trips = await record(async () => {
      const refusal = await send(tokens[300])
      expect((await expectProblem(refusal, 429, 'rate_limit_exceeded')).retry_after).toBe(31)
      expect(refusal.headers.get('RateLimit-Policy')).toBe('"look-up";q=300;w=60')
    })
    expect(trips).toMatchObject({ database: 0, redis: 0 })
    expect((await send(tokens[0])).status).toBe(404)
    const elsewhere = apiWith(bindings, tokens[300])
    expect((await elsewhere('GET', '/tasks/9007199254740991')).status).toBe(404)
  })

  test('are not called bad when the database could not be asked', async () => {
    const api = apiWith(envWith(UNLIMITED), (await aUser()).token)
    const post = () => api('POST', '/tasks', { title: 'canary' })
    const { fetch } = globalThis
    globalThis.fetch = () => Promise.reject(new TypeError('canary network'))
    await post()
      .then((response) => expectProblem(response, 503, 'service_unavailable'))
      .finally(() => {
        globalThis.fetch = fetch
      })
    expect((await post()).status).toBe(201)
  })

  test('are refused when the platform has counted too many, for a minute', async () => {
    const api = apiWith(envWith({ LOOKUPS: refusing }), (await aUser()).token)
    skipToHalfPast()
    const lines = await logged(async () => {
      const refusal = await api('GET', '/tasks')
      expect((await expectProblem(refusal, 429, 'rate_limit_exceeded')).retry_after).toBe(61)
      expect(refusal.headers.get('RateLimit-Policy')).toBe('"look-up";q=300;w=60')
    })
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ status: 429, limiter: 'platform' }])
  })

  test('are refused when the platform has counted too many bad tokens, for a minute', async () => {
    const [bindings, address] = [envWith({ FAILURES: refusing }), randomAddress()]
    const { token } = await aUser()
    skipToHalfPast()
    expect((await apiWith(bindings, aToken(), address)('GET', '/tasks')).status).toBe(401)
    const refusal = await apiWith(bindings, token, address)('GET', '/tasks')
    expect((await expectProblem(refusal, 429, 'rate_limit_exceeded')).retry_after).toBe(61)
    expect(refusal.headers.get('RateLimit-Policy')).toBe('"failure";q=20;w=60')
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

  test('costs its user one request of an instance at the most, however often the token is shown', async () => {
    const user = await aUser()
    skipToHalfPast()
    const other = client(await aSession(user.id))
    expect((await user.api('GET', '/tasks')).headers.get('X-RateLimit-Remaining')).toBe('99')
    await sql`update user_sessions set revoked = true where token_hash in
      (select token_hash from user_sessions where user_id = ${user.id} order by created_at limit 1)`
    for (let i = 0; i < 5; i++) expect((await user.api('GET', '/tasks')).status).toBe(401)
    expect((await other('GET', '/tasks')).headers.get('X-RateLimit-Remaining')).toBe('97')
  })

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
