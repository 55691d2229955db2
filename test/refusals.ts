import { expect } from 'vitest'
import { aSession, aToken, aUser, type Call, expectProblem, hashOf, sql } from './support.ts'

/** Every route that needs a session, with a request that would succeed, or be a 404, with one. */
export const protectedRoutes: [method: string, path: string, body?: unknown][] = [
  ['GET', '/tasks'],
  ['HEAD', '/tasks'],
  ['POST', '/tasks', { title: 'canary' }],
  ['POST', '/tasks/bulk-delete', { task_ids: [1] }],
  ['GET', '/tasks/1'],
  ['HEAD', '/tasks/1'],
  ['PUT', '/tasks/1', { completed: true }],
  ['PATCH', '/tasks/1', { completed: true }],
  ['DELETE', '/tasks/1'],
]

/** The same routes with everything else wrong too: a dead session must not learn even that. */
export const misusedRoutes: [what: string, method: string, path: string, body?: unknown, type?: string][] = [
  ['an unknown filter', 'GET', '/tasks?completed=canary'],
  ['a limit of 0', 'GET', '/tasks?limit=0'],
  ['a forged cursor', 'GET', '/tasks?cursor=canary'],
  ['a forged cursor, HEAD', 'HEAD', '/tasks?cursor=canary'],
  ['an empty body', 'POST', '/tasks', ''],
  ['malformed JSON', 'POST', '/tasks', '{"title":'],
  ['no title', 'POST', '/tasks', {}],
  ['text', 'POST', '/tasks', 'canary', 'text/plain'],
  ['no ids', 'POST', '/tasks/bulk-delete', { task_ids: [] }],
  ['text', 'POST', '/tasks/bulk-delete', 'canary', 'text/plain'],
  ['an id that is none', 'GET', '/tasks/canary'],
  ['an id that is none, HEAD', 'HEAD', '/tasks/canary'],
  ['an id that is none', 'PUT', '/tasks/0', { completed: true }],
  ['no change', 'PUT', '/tasks/1', {}],
  ['text', 'PUT', '/tasks/1', 'canary', 'text/plain'],
  ['an id that is none', 'PATCH', '/tasks/01', { completed: true }],
  ['malformed JSON', 'PATCH', '/tasks/1', '{'],
  ['an id that is none', 'DELETE', '/tasks/1.0'],
]

const PLAIN = 'Bearer realm="tasks"'
const INVALID = 'Bearer realm="tasks", error="invalid_token"'

interface Refusal {
  what: string
  header(): Promise<string | undefined>
  /** RFC 6750 §3.1 */
  challenge: string
  /** Whether anything has to be asked to refuse it. */
  looksUp: boolean
}

const malformed = (what: string, header: string): Refusal => ({
  what,
  header: async () => header,
  challenge: INVALID,
  looksUp: false,
})
const dead = (what: string, token: () => Promise<string>): Refusal => ({
  what,
  header: async () => `Bearer ${await token()}`,
  challenge: INVALID,
  looksUp: true,
})

/** What no protected route lets in. */
export const refusals: Refusal[] = [
  { what: 'no Authorization header', header: async () => undefined, challenge: PLAIN, looksUp: false },
  { what: 'an empty Authorization header', header: async () => '', challenge: PLAIN, looksUp: false },
  malformed('the scheme alone', 'Bearer'),
  malformed('another scheme', `Basic ${btoa('canary:canary')}`),
  malformed('a token without a scheme', 'canary0123456789abcdef0123456789'),
  malformed('a token of 15 characters', 'Bearer canary789012345'),
  dead('an unknown token', async () => aToken()),
  dead('a token whose session expired', async () => {
    const user = await aUser()
    return await aSession(user.id, { expires_at: new Date(Date.now() - 1000).toISOString() })
  }),
  dead('a token whose session was revoked', async () => {
    const user = await aUser()
    return await aSession(user.id, { revoked: true })
  }),
  dead('a token whose user was deleted', async () => {
    const user = await aUser()
    await sql`delete from users where id = ${user.id}`
    return user.token
  }),
  dead('a token whose session outlived its user', async () => {
    const token = aToken()
    // As a session of a database without the auth server's foreign key.
    await sql.transaction([
      sql`set local session_replication_role = replica`,
      sql`insert into user_sessions (user_id, token_hash, expires_at)
        values (gen_random_uuid(), ${await hashOf(token)}, now() + interval '1 hour')`,
    ])
    return token
  }),
  dead('the hash of a living session for a token', async () => {
    const user = await aUser()
    return await hashOf(user.token)
  }),
  dead('a token hashed under another secret', async () => {
    const user = await aUser()
    return await aSession(user.id, { secret: 'canary-another-secret-of-32-characters' })
  }),
  dead('a token hashed without a secret', async () => {
    const user = await aUser()
    const [token, digest] = [aToken(), new Uint8Array(32)]
    digest.set(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))))
    const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
    await sql`insert into user_sessions (user_id, token_hash, expires_at)
      values (${user.id}, ${hash}, now() + interval '1 hour')`
    return token
  }),
  dead('a living token in another case', async () => {
    const user = await aUser()
    return user.token.toUpperCase()
  }),
]

const DETAIL = 'Invalid or missing authentication credentials'

/** Asserts the one 401 that every refusal gets; HEAD's has no body to look into. */
export async function expectRefusal(response: Response, method: string, challenge = INVALID): Promise<void> {
  expect(response.headers.get('WWW-Authenticate')).toBe(challenge)
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  for (const name of ['ETag', 'Link', 'Location']) expect(response.headers.has(name), name).toBe(false)
  if (method === 'HEAD') {
    expect(response.status).toBe(401)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    return expect(await response.text()).toBe('')
  }
  const problem = await expectProblem(response, 401, 'authentication_error')
  expect(problem).toMatchObject({ title: 'Authentication failed', detail: DETAIL })
}

/** Calls one of the misused routes. */
export async function misuse(
  api: Call,
  [, method, path, body, type]: (typeof misusedRoutes)[number],
): Promise<Response> {
  return await api(method, path, body, type === undefined ? {} : { 'Content-Type': type })
}
