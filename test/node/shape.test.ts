import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { shapeFaults, up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { SHAPE, SHAPE_OF_AUTH_SERVER } from '../../src/db/shape.ts'
import { emptyDatabase } from '../setup/database.ts'
import { startWorkers } from './workers.ts'

/** What deploy, `npm run dev` and readiness say of a database that is not as the statements need it. */

let world: Awaited<ReturnType<typeof emptyDatabase>>
const target = () => ({ databaseUrl: world.neon.databaseUrl, fetchEndpoint: world.neon.url })

beforeAll(async () => {
  world = await emptyDatabase(inject('pgliteImage'))
  await aDatabase()
})
afterAll(() => world?.close())

/** As it should be, and then what makes it otherwise. */
async function aDatabase(change = ''): Promise<void> {
  const { neon } = world
  neon.beginSessions('')
  await neon.exec('drop schema public cascade; create schema public')
  await migrateAuth(neon)
  await up(target())
  if (change) await neon.exec(change)
}

async function columns(): Promise<[table: string, column: string][]> {
  const { rows } = await world.neon.query(`select table_name, column_name from information_schema.columns
    where table_schema = 'public' and table_name in ('tasks', 'idempotency_keys')`)
  return rows.map(({ table_name, column_name }) => [table_name as string, column_name as string])
}

test('of one that is as it should be: nothing, with the auth server’s tables as views too', async () => {
  await aDatabase()
  expect(await shapeFaults(target())).toEqual([])
  await world.neon.exec(`alter table users rename to people; create view users as select * from people;
    create domain key as uuid; create view sessions as select user_id::key, token_hash::text, expires_at, revoked from user_sessions;
    alter table user_sessions rename to old; alter view sessions rename to user_sessions`)
  expect(await shapeFaults(target())).toEqual([])
})

test('of an empty one: each table, and of the auth server’s alone where only these are asked for', async () => {
  await aDatabase('drop schema public cascade; create schema public')
  expect(await shapeFaults(target(), SHAPE_OF_AUTH_SERVER)).toEqual([
    'users: missing',
    'user_sessions: missing',
  ])
  expect(await shapeFaults(target())).toEqual([
    'users: missing',
    'user_sessions: missing',
    'tasks: missing',
    'tasks_id_seq: missing',
    'idempotency_keys: missing',
  ])
})

test('of any column of ours that is missing or has another type: which one', async () => {
  await aDatabase()
  const all = await columns()
  expect(all.length).toBeGreaterThan(12)
  for (const [table, column] of all) {
    await world.neon.exec(`alter table ${table} rename ${column} to gone`)
    expect(await shapeFaults(target())).toEqual([`${table} (${column}): missing`])
    await world.neon.exec(`alter table ${table} rename gone to ${column}`)
  }
  await aDatabase('alter table tasks alter version type bigint')
  expect(await shapeFaults(target())).toEqual(['tasks (version): bigint, not integer'])
})

/** Each of these passes a look that only asks for names, and then fails the Worker's statements. */
test.each([
  [
    'ids of text, as better-auth makes them by default',
    `drop table user_sessions, users cascade; create table users (id text primary key);
     create table user_sessions (user_id text, token_hash text, expires_at timestamptz, revoked boolean)`,
    ['users (id): text, not uuid', 'user_sessions (user_id): text, not uuid'],
  ],
  [
    'a revoked that is no boolean',
    'alter table user_sessions alter revoked drop default, alter revoked type text',
    ['user_sessions (revoked): text, not boolean'],
  ],
  [
    'an expiry of text',
    'alter table user_sessions alter expires_at type text',
    ['user_sessions (expires_at): text, not timestamp with time zone or timestamp without time zone'],
  ],
  [
    'a hash of bytes',
    `alter table user_sessions drop token_hash, add token_hash bytea`,
    ['user_sessions (token_hash): bytea, not text or character varying'],
  ],
])('of %s: so, in the log of readiness too, where the API is a 500', async (_, change, faults) => {
  await aDatabase(change)
  expect(await shapeFaults(target())).toEqual(faults)
  const vars = { DATABASE_URL: world.neon.databaseUrl, NEON_FETCH_ENDPOINT: world.neon.url }
  const [worker] = await startWorkers(1, vars)
  const ready = await fetch(`${worker?.url}/health/ready`)
  expect(ready.status).toBe(503)
  expect(await ready.json()).toMatchObject({ checks: { database: 'unavailable' } })
  const headers = { Authorization: `Bearer ${randomUUID()}` }
  expect((await fetch(`${worker?.url}/tasks`, { headers })).status).toBe(500)
  const log = (await worker?.close()) ?? ''
  const line = log.split('\n').find((line) => line.includes('/health/ready')) ?? ''
  expect(JSON.parse(line.slice(line.indexOf('{')))).toMatchObject({
    level: 'error',
    fault: faults.map((fault) => `database: ${fault}`),
  })
})

test('of a role without its grants: which, and where', async () => {
  const role = `reader_${randomUUID().replaceAll('-', '')}`
  await aDatabase(`create role ${role}; grant usage on schema public to ${role}; grant select (id) on users to ${role};
    grant select on user_sessions to ${role}; grant select, insert, update on tasks, idempotency_keys to ${role}`)
  world.neon.beginSessions(`set role ${role}`)
  const faults = await shapeFaults(target())
  await aDatabase(`drop owned by ${role}; drop role ${role}`)
  expect(faults).toEqual([
    'tasks: DELETE not granted',
    'tasks_id_seq: USAGE not granted',
    'idempotency_keys: DELETE not granted',
  ])
})

test('it costs next to nothing: one row, from the catalog alone', async () => {
  await aDatabase()
  const { rows } = await world.neon.query(`explain (format json) ${SHAPE}`)
  const relations = JSON.stringify(rows).matchAll(/"Relation Name":\s*"(\w+)"/g)
  for (const [, name] of relations) expect(name).toMatch(/^pg_(class|attribute|type)$/)
})
