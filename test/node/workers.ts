import { createHmac, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { neon, neonConfig } from '@neondatabase/serverless'
import { inject } from 'vitest'
import { startWorkerd, type Workerd } from '../../local/workerd.ts'
import type {} from '../setup/bundle.ts'
import type {} from '../setup/world.ts'

const SESSION_HASH_SECRET = 'canary-session-hash-secret-of-the-node-tests'
const { realServices: _, FAULTY_NEON: __, FAULTY_UPSTASH: ___, ...world } = inject('world')

/** The driver has one endpoint for all of a thread: the runner of migrations may have set another. */
function sql(text: TemplateStringsArray, ...values: string[]) {
  neonConfig.fetchEndpoint = world.NEON_FETCH_ENDPOINT
  return neon(world.DATABASE_URL)(text, ...values)
}

/** The Worker as it is deployed, in processes of its own, in front of the stand-ins. */
export async function startWorkers(count: number, vars: Record<string, string> = {}) {
  const start = () =>
    startWorkerd({ bundle: inject('bundle'), vars: { ...world, SESSION_HASH_SECRET, ...vars } })
  return await Promise.all(Array.from({ length: count }, start))
}

/** What the auth server stores in place of a token. */
export const hashOf = (token: string) => createHmac('sha256', SESSION_HASH_SECRET).update(token).digest('hex')

/** A fresh user; returns a token of theirs. */
export async function aToken(): Promise<string> {
  const token = `canary${randomUUID().replaceAll('-', '')}`
  await sql`with owner as (insert into users (email, name) values (${`${randomUUID()}@test`}, 'Test') returning id)
    insert into user_sessions (user_id, token_hash, expires_at) select id, ${hashOf(token)}, now() + interval '1 hour' from owner`
  return token
}

/** How many tasks the owner of a token has. */
export async function tasksOf(token: string): Promise<number> {
  const rows =
    await sql`select from tasks where user_id = (select user_id from user_sessions where token_hash = ${hashOf(token)})`
  return rows.length
}

const agent = new Agent({ keepAlive: true })

/** One request; returns its status, and whether all instances share the count that decided. Lighter than fetch. */
export function send(worker: Workerd | undefined, token: string, method: 'GET' | 'POST') {
  return new Promise<{ status: number; shared: boolean }>((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const call = request(`${worker?.url}/tasks`, { method, headers, agent }, (response) => {
      const shared = 'ratelimit' in response.headers
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, shared }))
    })
    call.on('error', reject).end(method === 'POST' ? '{"title":"canary"}' : undefined)
  })
}
