import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import type { Workerd } from '../../local/workerd.ts'
import { hashOf, startWorkers } from './workers.ts'

/** The Worker in front of a database in which it has the grants of docs/operator.md and no others. */

let neon: Awaited<ReturnType<typeof startNeon>>
let worker: Workerd

const token = `canary${randomUUID().replaceAll('-', '')}`

beforeAll(async () => {
  neon = await startNeon({ image: inject('pgliteImage') })
  const databaseUrl = `postgres://worker:canary-database-password@127.0.0.1:${neon.port}/tasks`
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  await neon.query(
    `with owner as (insert into users (email, name) values ('canary@test', 'Test') returning id)
    insert into user_sessions (user_id, token_hash, expires_at) select id, $1, now() + interval '1 hour' from owner`,
    [hashOf(token)],
  )
  const page = await readFile(new URL('../../docs/operator.md', import.meta.url), 'utf8')
  const grants = page.match(/^ +grant .+;$/gm) ?? []
  await neon.exec(`create role worker; ${grants.join('')} set role worker`)
  const workers = await startWorkers(1, { DATABASE_URL: databaseUrl, NEON_FETCH_ENDPOINT: neon.url })
  worker = workers[0] as Workerd
})
afterAll(async () => {
  await worker?.close()
  await neon?.close()
})

function send(method: string, path: string, body?: unknown, headers = {}) {
  return fetch(worker.url + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

test('every operation works', async () => {
  const created = await send('POST', '/tasks', { title: 'canary' })
  expect(created.status).toBe(201)
  const { id } = (await created.json()) as { id: number }
  const key = { 'Idempotency-Key': 'canary' }
  const statuses = {
    'a create with a key': (await send('POST', '/tasks', { title: 'canary' }, key)).status,
    'the same again': (await send('POST', '/tasks', { title: 'canary' }, key)).status,
    'a list': (await send('GET', '/tasks')).status,
    'a read': (await send('GET', `/tasks/${id}`)).status,
    'a change': (await send('PATCH', `/tasks/${id}`, { completed: true })).status,
    'a bulk-delete': (await send('POST', '/tasks/bulk-delete', { task_ids: [id + 1] })).status,
    'a delete': (await send('DELETE', `/tasks/${id}`)).status,
    readiness: (await send('GET', '/health/ready')).status,
  }
  expect(statuses).toEqual({
    'a create with a key': 201,
    'the same again': 201,
    'a list': 200,
    'a read': 200,
    'a change': 200,
    'a bulk-delete': 200,
    'a delete': 204,
    readiness: 200,
  })
})

test('the auth server’s tables can be read and not written, and nothing else of ours is needed', async () => {
  expect(await neon.query('select token_hash from user_sessions')).toEqual({
    rows: [{ token_hash: hashOf(token) }],
  })
  for (const statement of [
    'update user_sessions set revoked = true',
    'delete from users',
    'drop table tasks',
    'truncate tasks',
    'select * from tasks_migrations',
  ]) {
    await expect(neon.query(statement), statement).rejects.toThrow(/permission denied|must be owner/)
  }
})
