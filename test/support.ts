import { env, exports } from 'cloudflare:workers'
import { neon, neonConfig } from '@neondatabase/serverless'
import { expect } from 'vitest'
import { expectDocumented } from './openapi.ts'

/** SQL past the API, to arrange what the auth server would have written and to look at what is stored. */
neonConfig.fetchEndpoint = env.NEON_FETCH_ENDPOINT
export const sql = neon(env.DATABASE_URL)

export interface Task {
  id: number
  user_id: string
  title: string
  description: string | null
  completed: boolean
  created_at: string
  updated_at: string
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  timestamp: string
  request_id: string
  errors?: { field: string; message: string; code: string; value?: unknown }[]
  retry_after?: number
  rate_limit_info?: { limit: number; remaining: number; reset: number; window_seconds: number }
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Response>

/** An IPv6 subscriber of its own a test, so that no test spends another's budget. */
export function randomAddress(): string {
  const groups = crypto.getRandomValues(new Uint16Array(2))
  return `2001:db8:${groups[0]?.toString(16)}:${groups[1]?.toString(16)}::1`
}

/**
 * Calls the Worker as one client, from one address, and holds every answer against public/openapi.json. A string or
 * bytes go as they are; anything else as JSON.
 */
export function client(token?: string, address = randomAddress()): Call {
  return async (method, path, body, headers = {}) => {
    const raw =
      body === undefined ||
      typeof body === 'string' ||
      ArrayBuffer.isView(body) ||
      body instanceof ReadableStream
    const response = await exports.default.fetch(
      new Request(`https://api.test${path}`, {
        method,
        headers: {
          'CF-Connecting-IP': address,
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as BodyInit }),
        redirect: 'manual',
      }),
    )
    await expectDocumented(method, path, response.clone())
    return response
  }
}

export interface User {
  id: string
  token: string
  api: Call
  /** Creates a task; the title is a canary that no log may repeat. */
  task(fields?: Partial<Pick<Task, 'title' | 'description' | 'completed'>>): Promise<Task>
}

/** A fresh user with a living session, in one statement. */
export async function aUser(): Promise<User> {
  const token = aToken()
  const [row] = await sql`with owner as (
      insert into users (email, name) values (${`${crypto.randomUUID()}@test`}, 'Test') returning id)
    insert into user_sessions (user_id, token_hash, expires_at)
    select id, ${await hashOf(token)}, now() + interval '1 hour' from owner returning user_id`
  const id = row?.user_id as string
  const api = client(token)
  return {
    id,
    token,
    api,
    async task(fields = {}) {
      const response = await api('POST', '/tasks', { title: 'canary title', ...fields })
      expect(response.status).toBe(201)
      return await response.json()
    },
  }
}

interface SessionFields {
  token?: string
  secret?: string
  expires_at?: string
  revoked?: boolean
}

/** A session row as the auth server writes it; returns the token that only its owner knows. */
export async function aSession(userId: string, fields: SessionFields = {}): Promise<string> {
  const token = fields.token ?? aToken()
  const hash = await hashOf(token, fields.secret)
  const expiresAt = fields.expires_at ?? new Date(Date.now() + 3_600_000).toISOString()
  await sql`insert into user_sessions (user_id, token_hash, expires_at, revoked)
    values (${userId}, ${hash}, ${expiresAt}, ${fields.revoked ?? false})`
  return token
}

/** A task written past the API; returns its id. Without `updated_at` it has not been changed since. */
export async function aRow(userId: string, fields: Partial<Task> = {}): Promise<number> {
  const { title = 'canary title', description = null, completed = false } = fields
  const { created_at = new Date().toISOString(), updated_at = created_at } = fields
  const [row] = await sql`insert into tasks (user_id, title, description, completed, created_at, updated_at)
    values (${userId}, ${title}, ${description}, ${completed}, ${created_at}, ${updated_at}) returning id`
  return Number(row?.id)
}

/** 32 characters, as better-auth makes them. */
export const aToken = () => `canary${crypto.randomUUID().replaceAll('-', '').slice(0, 26)}`

/** The contract's formula, written out again: lowercase hex of HMAC-SHA256(secret, token). */
export async function hashOf(token: string, secret = env.SESSION_HASH_SECRET): Promise<string> {
  const encode = (text: string) => new TextEncoder().encode(text)
  const key = await crypto.subtle.importKey('raw', encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
  ])
  const digest = await crypto.subtle.sign('HMAC', key, encode(token))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What `If-Match` and `If-None-Match` take for what is at this path now. */
export const etagOf = async (api: Call, path: string): Promise<string> =>
  (await api('GET', path)).headers.get('ETag') as string

const ALWAYS = ['type', 'title', 'status', 'detail', 'instance', 'timestamp', 'request_id']

/** Asserts that a response is a whole problem of this type, with no member too many, and returns it. */
export async function expectProblem(response: Response, status: number, type: string): Promise<Problem> {
  const text = await response.text()
  expect(response.status, text).toBe(status)
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const problem = JSON.parse(text) as Problem
  const more = status === 400 ? ['errors'] : status === 429 ? ['retry_after', 'rate_limit_info'] : []
  expect(Object.keys(problem)).toEqual([...ALWAYS, ...more])
  expect(problem).toMatchObject({ status, type, request_id: response.headers.get('X-Request-Id') })
  expect(response.headers.has('WWW-Authenticate')).toBe(status === 401)
  if (status === 429) expect(response.headers.get('Retry-After')).toBe(`${problem.retry_after}`)
  expect(problem.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  return problem
}

/** Waits for the next minute when this one, in which limits are counted, has less than `seconds` left. */
export async function roomInWindow(seconds: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < seconds * 1000) await new Promise((resolve) => setTimeout(resolve, left + 50))
}
