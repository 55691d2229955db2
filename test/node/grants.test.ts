import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { down, up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import type { Workerd } from '../../local/workerd.ts'
import { hashOf, startWorkers } from './workers.ts'

/** The Worker in front of a database in which its role is what drizzle/roles/worker.sql makes. */

let neon: Awaited<ReturnType<typeof startNeon>>
let worker: Workerd

const token = `canary${randomUUID().replaceAll('-', '')}`

beforeAll(async () => {
  neon = await startNeon({ image: inject('pgliteImage') })
  const { databaseUrl } = neon
  await migrateAuth(neon)
  const role = await readFile(new URL('../../drizzle/roles/worker.sql', import.meta.url), 'utf8')
  // Before the first migration, as the page for operators has it; and twice, as operators do.
  await neon.exec(role)
  await neon.exec(role)
  // Tables that a migration made anew have their grants again.
  await up({ databaseUrl, fetchEndpoint: neon.url })
  await down({ databaseUrl, fetchEndpoint: neon.url })
  await up({ databaseUrl, fetchEndpoint: neon.url })
  await neon.query(
    `with owner as (insert into users (email, name) values ('canary@test', 'Test') returning id)
    insert into user_sessions (user_id, token_hash, expires_at) select id, $1, now() + interval '1 hour' from owner`,
    [hashOf(token)],
  )
  await neon.exec('create table later (id int generated always as identity, title text)')
  neon.beginSessions('set role worker')
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

test('of the auth server’s tables it reads what says whose session is alive, and writes nothing', async () => {
  expect(
    await neon.query('select user_id, expires_at, revoked, token_hash from user_sessions'),
  ).toMatchObject({
    rows: [{ token_hash: hashOf(token) }],
  })
  expect((await neon.query('select id from users')).rows).toHaveLength(1)
  for (const statement of [
    'select email from users',
    'select * from users',
    'select ip_address from user_sessions',
    'select refresh_token_hash from user_sessions',
    'select from accounts',
    'update user_sessions set revoked = true',
    'delete from users',
    'drop table tasks',
    'truncate tasks',
    'create table canary (id int)',
    'select from tasks_migrations',
  ]) {
    await expect(neon.query(statement), statement).rejects.toThrow(/permission denied|must be owner/)
  }
})

test('the role is a member of no other, and may do nothing but log in', async () => {
  const { rows } = await neon.query(
    `select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
      (select count(*)::int from pg_auth_members where member = pg_roles.oid) as memberships
    from pg_roles where rolname = 'worker'`,
  )
  const no = { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false }
  expect(rows).toEqual([{ ...no, rolreplication: false, memberships: 0 }])
})

test('a table of a later migration is the Worker’s to read and write from the moment it is there', async () => {
  await neon.query(`insert into later (title) values ('canary')`)
  expect((await neon.query('select title from later')).rows).toEqual([{ title: 'canary' }])
})
