import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { expectRefusal } from './refusals.ts'
import { aSession, aToken, aUser, client, hashOf, sql, type Task } from './support.ts'
import { trips } from './watch.ts'

/** What better-auth appends in its header and, percent-encoded, in its cookie: base64 of 32 bytes. */
const SIGNATURE = 'ca+nary/cRzbH1J6bWZ3aXl0d3Rld2d5cXdlcXdlcXc='

const GET = (authorization: string) => client()('GET', '/tasks', undefined, { Authorization: authorization })

describe('accepts', () => {
  test.each<[form: string, header: (token: string) => string]>([
    ['the raw token', (token) => `Bearer ${token}`],
    ['the scheme in lower case', (token) => `bearer ${token}`],
    ['the scheme in upper case', (token) => `BEARER ${token}`],
    ['the scheme in mixed case', (token) => `bEaReR ${token}`],
    ['more than one space after the scheme', (token) => `Bearer   ${token}`],
    ['token.signature', (token) => `Bearer ${token}.${SIGNATURE}`],
    ['token.signature in base64url', (token) => `Bearer ${token}.ca-nary_cRzbH1J6bWZ3aXl0d3Rld2d5`],
    [
      'token.signature, percent-encoded once',
      (token) => `Bearer ${encodeURIComponent(`${token}.${SIGNATURE}`)}`,
    ],
    ['token.signature with the dot encoded too', (token) => `Bearer ${token}%2E${SIGNATURE}`],
    ['a signature that no one checks', (token) => `Bearer ${token}.canary`],
    ['a signature of a kilobyte', (token) => `Bearer ${token}.${'canary'.repeat(200)}`],
    ['a signature with more dots, cut at the first', (token) => `Bearer ${token}.canary.canary=`],
  ])('%s', async (_, header) => {
    const user = await aUser()
    expect((await GET(header(user.token))).status).toBe(200)
  })

  test.each([16, 32, 256])('a token of %i characters', async (length) => {
    const user = await aUser()
    const token = `${aToken()}${'-_'.repeat(112)}`
      .slice(-length)
      .replace(/^.{6}/, crypto.randomUUID().slice(0, 6))
    await aSession(user.id, { token })
    expect((await GET(`Bearer ${token}`)).status).toBe(200)
    expect((await GET(`Bearer ${encodeURIComponent(`${token}.${SIGNATURE}`)}`)).status).toBe(200)
  })

  test('each of many sessions of one user, as that user', async () => {
    const user = await aUser()
    const { id } = await user.task()
    for (const token of [await aSession(user.id), await aSession(user.id)]) {
      const task: Task = await (await client(token)('GET', `/tasks/${id}`)).json()
      expect(task).toMatchObject({ id, user_id: user.id })
    }
  })
})

describe('refuses, without asking anyone,', () => {
  test.each<[form: string, header: (token: string) => string]>([
    ['the scheme alone', () => 'Bearer'],
    ['the scheme and a space', () => 'Bearer '],
    ['a token without a scheme', (token) => token],
    ['a scheme that only begins with Bearer', (token) => `BearerToken ${token}`],
    ['Basic', (token) => `Basic ${btoa(`${token}:`)}`],
    ['Basic with a token', (token) => `Basic ${token}`],
    ['Token', (token) => `Token ${token}`],
    ['a colon after the scheme', (token) => `Bearer: ${token}`],
    ['a token of 15 characters', (token) => `Bearer ${token.slice(0, 15)}`],
    ['a token of 257 characters', (token) => `Bearer ${token.repeat(9).slice(0, 257)}`],
    ['a token of a kilobyte', (token) => `Bearer ${token.repeat(32)}`],
    ['a space in the token', (token) => `Bearer ${token.slice(0, 16)} ${token.slice(16)}`],
    ['a tab in the token', (token) => `Bearer ${token}\tcanary`],
    ['a tab for the space', (token) => `Bearer\t${token}`],
    ['two tokens', (token) => `Bearer ${token}, Bearer ${token}`],
    ['two tokens with a comma', (token) => `Bearer ${token},${token}`],
    ['quotes', (token) => `Bearer "${token}"`],
    ['base64 padding', (token) => `Bearer ${token}=`],
    ['a character outside [A-Za-z0-9_-]', (token) => `Bearer ${token.slice(0, 31)}+`],
    ['a dot and no signature', (token) => `Bearer ${token}.`],
    ['a signature and no token', () => `Bearer .${SIGNATURE}`],
    ['a short token with a signature', (token) => `Bearer ${token.slice(0, 15)}.${SIGNATURE}`],
    [
      'a raw token, percent-encoded',
      (token) => `Bearer %${token.charCodeAt(0).toString(16)}${token.slice(1)}`,
    ],
    ['a raw token and an encoded space', (token) => `Bearer ${token}%20`],
    ['a raw token and an encoded NUL', (token) => `Bearer ${token}%00`],
    ['a space encoded in the signature', (token) => `Bearer ${token}.canary%20canary`],
    [
      'token.signature, percent-encoded twice',
      (token) => `Bearer ${encodeURIComponent(encodeURIComponent(`${token}.${SIGNATURE}`))}`,
    ],
    ['a dot that is encoded twice', (token) => `Bearer ${token}%252E${SIGNATURE}`],
    ['broken percent-encoding', (token) => `Bearer ${token}.canary%`],
    ['percent-encoding that is no UTF-8', (token) => `Bearer ${token}.canary%ff`],
    ['a JSON Web Token', () => 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2ln%'],
  ])('%s', async (_, header) => {
    const user = await aUser()
    const authorization = header(user.token)
    const responses: Response[] = []
    const sent = await trips(async () => responses.push(await GET(authorization)))
    for (const response of responses) await expectRefusal(response, 'GET')
    expect(sent).toEqual({ database: 0, redis: 0 })
  })

  test('a token in the query, in a cookie or in the body', async () => {
    const user = await aUser()
    const api = client()
    const query = `/tasks?access_token=${user.token}&token=${user.token}`
    const cookie = { Cookie: `better-auth.session_token=${user.token}.${encodeURIComponent(SIGNATURE)}` }
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const responses = [
      await api('GET', query),
      await api('GET', '/tasks', undefined, cookie),
      await api('POST', '/tasks', `access_token=${user.token}`, form),
    ]
    for (const response of responses) await expectRefusal(response, 'GET', 'Bearer realm="tasks"')
  })
})

test('the hash is lowercase hex of HMAC-SHA256, 64 characters, and an upper-case one is another', async () => {
  const user = await aUser()
  const [row] = await sql`select token_hash from user_sessions where user_id = ${user.id}`
  expect(row?.token_hash).toMatch(/^[0-9a-f]{64}$/)
  expect(row?.token_hash).toBe(await hashOf(user.token))
})

// RFC 4231 §4.3: the formula that this suite hashes with, held to a published vector.
test('HMAC-SHA256 of "what do ya want for nothing?" under "Jefe" is what RFC 4231 says', async () => {
  expect(await hashOf('what do ya want for nothing?', 'Jefe')).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})

describe('while the secret is rotated', () => {
  const PREVIOUS = 'canary-previous-secret-of-32-characters'

  test('sessions under the current and under the previous secret are alive', async () => {
    const user = await aUser()
    const old = await aSession(user.id, { secret: PREVIOUS })
    const bindings = envWith({ SESSION_HASH_SECRET_PREVIOUS: PREVIOUS })
    for (const token of [user.token, old]) {
      const api = apiWith(bindings, token)
      const response = await api('POST', '/tasks', { title: 'canary' })
      expect(response.status).toBe(201)
      expect(await response.json()).toMatchObject({ user_id: user.id })
      expect((await api('GET', '/tasks')).status).toBe(200)
    }
    await expectRefusal(await client(old)('GET', '/tasks'), 'GET')
  })

  test('a token that is stored under both secrets is one session', async () => {
    const user = await aUser()
    await aSession(user.id, { token: user.token, secret: PREVIOUS })
    const api = apiWith(envWith({ SESSION_HASH_SECRET_PREVIOUS: PREVIOUS }), user.token)
    const created = await api('POST', '/tasks', { title: 'canary' })
    expect(created.status).toBe(201)
    expect(await (await api('GET', '/tasks')).json()).toEqual([await created.json()])
  })

  test('a revoked session under the previous secret is refused by the next request', async () => {
    const user = await aUser()
    const token = await aSession(user.id, { secret: PREVIOUS })
    const api = apiWith(envWith({ SESSION_HASH_SECRET_PREVIOUS: PREVIOUS }), token)
    expect((await api('GET', '/tasks')).status).toBe(200)
    await sql`update user_sessions set revoked = true where token_hash = ${await hashOf(token, PREVIOUS)}`
    await expectRefusal(await api('GET', '/tasks'), 'GET')
  })

  test('an unknown token is refused, under whichever secret', async () => {
    const api = apiWith(envWith({ SESSION_HASH_SECRET_PREVIOUS: PREVIOUS }), aToken())
    await expectRefusal(await api('GET', '/tasks'), 'GET')
    await expectRefusal(await api('POST', '/tasks', { title: 'canary' }), 'POST')
  })

  test('once it is over, the old secret opens nothing', async () => {
    const user = await aUser()
    const old = await aSession(user.id, { secret: PREVIOUS })
    const before = envWith({ SESSION_HASH_SECRET: PREVIOUS })
    const after = envWith({ SESSION_HASH_SECRET: env.SESSION_HASH_SECRET })
    expect((await apiWith(before, old)('GET', '/tasks')).status).toBe(200)
    await expectRefusal(await apiWith(after, old)('GET', '/tasks'), 'GET')
    await expectRefusal(await apiWith(before, user.token)('GET', '/tasks'), 'GET')
  })
})

test("expires_at is a moment, whatever the zone it is written in, on the database's clock", async () => {
  const user = await aUser()
  const [row] = await sql`select
    to_char((now() + interval '5 minutes') at time zone 'UTC' + interval '14 hours', 'YYYY-MM-DD"T"HH24:MI:SS"+14:00"') as alive,
    to_char((now() - interval '5 minutes') at time zone 'UTC' - interval '12 hours', 'YYYY-MM-DD"T"HH24:MI:SS"-12:00"') as dead`
  const alive = await aSession(user.id, { expires_at: row?.alive })
  const dead = await aSession(user.id, { expires_at: row?.dead })
  expect((await client(alive)('GET', '/tasks')).status).toBe(200)
  await expectRefusal(await client(dead)('GET', '/tasks'), 'GET')
})
