import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import type { Workerd } from '../../local/workerd.ts'
import { emptyDatabase } from '../setup/database.ts'
import { hashOf, startWorkers } from './workers.ts'

/** `ALTER ROLE … SET` reaches every session of the Worker's role: it may change no answer. */

let world: Awaited<ReturnType<typeof emptyDatabase>>
let worker: Workerd

beforeAll(async () => {
  world = await emptyDatabase(inject('pgliteImage'))
  const vars = { DATABASE_URL: world.neon.databaseUrl, NEON_FETCH_ENDPOINT: world.neon.url }
  await migrateAuth(world.neon)
  await up({ databaseUrl: world.neon.databaseUrl, fetchEndpoint: world.neon.url })
  worker = (await startWorkers(1, vars))[0] as Workerd
})
afterAll(async () => {
  await worker?.close()
  await world?.close()
})

interface Task {
  id: number
  created_at: string
  updated_at: string
}

async function aUser() {
  world.neon.beginSessions('')
  const token = `canary${randomUUID().replaceAll('-', '')}`
  await world.neon.query(
    `with owner as (insert into users (email, name) values ($1, 'Test') returning id)
    insert into user_sessions (user_id, token_hash, expires_at) select id, $2, now() + interval '1 hour' from owner`,
    [`${randomUUID()}@test`, hashOf(token)],
  )
  return async (method: string, path: string, body?: unknown, headers = {}) => {
    const response = await fetch(worker.url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  }
}

const expectMoment = (text: string, since: number) => {
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(Date.parse(text)).toBeGreaterThan(since - 60_000)
  expect(Date.parse(text)).toBeLessThan(Date.now() + 60_000)
}

test.each([
  `set datestyle = 'German'`,
  `set datestyle = 'SQL, DMY'`,
  `set datestyle = 'Postgres, MDY'`,
  `set timezone = 'Asia/Kolkata'`,
  `set timezone = 'Pacific/Kiritimati'; set datestyle = 'Postgres, DMY'`,
  `set timezone = 'America/St_Johns'`,
  `set intervalstyle = 'sql_standard'; set extra_float_digits = -15; set bytea_output = 'escape'`,
])('after %s, every answer is as ever', async (settings) => {
  const since = Date.now()
  const api = await aUser()
  world.neon.beginSessions(settings)
  const created = await api('POST', '/tasks', { title: 'canary' })
  expect(created.status).toBe(201)
  const task = created.body as Task
  expectMoment(task.created_at, since)
  expect((await api('GET', `/tasks/${task.id}`)).body).toEqual(task)

  const key = { 'Idempotency-Key': randomUUID() }
  const once = await api('POST', '/tasks', { title: 'canary' }, key)
  const replayed = await api('POST', '/tasks', { title: 'canary' }, key)
  expect([once.status, replayed.status]).toEqual([201, 201])
  expect(replayed.body).toEqual(once.body)
  expect(replayed.headers.get('Idempotency-Replayed')).toBe('true')

  const changed = await api('PATCH', `/tasks/${task.id}`, { completed: true })
  expect(changed.status).toBe(200)
  expect(changed.body).toMatchObject({ id: task.id, created_at: task.created_at, completed: true })
  expectMoment((changed.body as Task).updated_at, since)

  const first = await api('GET', '/tasks?limit=1')
  expect(first.body).toEqual([once.body])
  const next = first.headers.get('X-Next-Cursor')
  const second = await api('GET', `/tasks?limit=1&cursor=${next}`)
  expect(second.body).toEqual([changed.body])
  expect((await api('POST', '/tasks/bulk-delete', { task_ids: [task.id] })).body).toMatchObject({
    deleted: [task.id],
  })
})

test('a session’s end without a zone is UTC, whatever the role’s TimeZone', async () => {
  const { neon } = world
  neon.beginSessions('')
  await neon.exec(
    `alter table user_sessions alter expires_at type timestamp using expires_at at time zone 'UTC'`,
  )
  for (const zone of ['Pacific/Kiritimati', 'Etc/GMT+12', 'UTC']) {
    const api = await aUser()
    neon.beginSessions(`set timezone = '${zone}'`)
    expect((await api('GET', '/tasks')).status, zone).toBe(200)
    neon.beginSessions('')
    await neon.exec(`update user_sessions set expires_at = (now() at time zone 'UTC') - interval '1 minute'`)
    neon.beginSessions(`set timezone = '${zone}'`)
    expect((await api('GET', '/tasks')).status, zone).toBe(401)
    neon.beginSessions('')
  }
  await neon.exec(
    `alter table user_sessions alter expires_at type timestamptz using expires_at at time zone 'UTC'`,
  )
})
