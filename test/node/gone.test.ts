import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { countGone, deleteGone } from '../../drizzle/gone.ts'
import { type Target, up } from '../../drizzle/migrate.ts'
import { startDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
let target: Target

beforeAll(async () => {
  database = await startDatabase()
  target = { databaseUrl: database.env.DATABASE_URL, fetchEndpoint: database.env.NEON_FETCH_ENDPOINT }
})
afterAll(() => database?.close())

/** Three users with two tasks and a key each. */
beforeEach(async () => {
  await database.empty()
  await up(target)
  await database.rows(`with people as (
      insert into users (email, name) select n || '@test', 'Test' from generate_series(1, 3) as n returning id
    ), keys as (
      insert into idempotency_keys (user_id, key, body_hash, task_id) select id, 'canary', 'canary', 1 from people
    )
    insert into tasks (user_id, title) select id, 'canary' from people, generate_series(1, 2)`)
})

const left = () =>
  database.rows(
    `select (select count(*)::int from tasks) as tasks, (select count(*)::int from idempotency_keys) as keys`,
  )

test('what users left behind is counted, and stays until it is asked to go', async () => {
  expect(await countGone(target)).toEqual([
    { table: 'tasks', rows: 0, users: 0 },
    { table: 'idempotency_keys', rows: 0, users: 0 },
  ])
  await database.rows(`delete from users where email <> '1@test'`)
  expect(await countGone(target)).toEqual([
    { table: 'tasks', rows: 4, users: 2 },
    { table: 'idempotency_keys', rows: 2, users: 2 },
  ])
  expect(await left()).toEqual([{ tasks: 6, keys: 3 }])

  expect(await deleteGone(target)).toEqual([
    { table: 'tasks', rows: 4 },
    { table: 'idempotency_keys', rows: 2 },
  ])
  expect(await left()).toEqual([{ tasks: 2, keys: 1 }])
  expect(
    await database.rows(
      'select count(*)::int as strays from tasks left join users on users.id = user_id where users.id is null',
    ),
  ).toEqual([{ strays: 0 }])
})

test('more than a batch goes whole', async () => {
  await database.rows(
    `insert into tasks (user_id, title) select gen_random_uuid(), 'canary' from generate_series(1, 5)`,
  )
  expect(await deleteGone(target, 2)).toContainEqual({ table: 'tasks', rows: 5 })
  expect(await left()).toEqual([{ tasks: 6, keys: 3 }])
})

test('where nobody is left, nothing is deleted', async () => {
  await database.rows('delete from users')
  await expect(deleteGone(target)).rejects.toThrow(/not one user/)
  expect(await left()).toEqual([{ tasks: 6, keys: 3 }])
})

test('npm run db:gone counts, and deletes with --delete alone', async () => {
  await database.rows(`delete from users where email <> '1@test'`)
  const gone = fileURLToPath(new URL('../../drizzle/gone.ts', import.meta.url))
  const run = async (...args: string[]) => {
    // Not here, where a .dev.vars may lie.
    const options = { cwd: tmpdir(), env: { PATH: process.env.PATH, ...database.env } }
    const { stdout } = await promisify(execFile)(process.execPath, [gone, ...args], options)
    return stdout.split('\n')
  }
  expect(await run()).toContain('tasks: 4 rows of 2 users that are gone')
  expect(await left()).toEqual([{ tasks: 6, keys: 3 }])
  expect(await run('--delete')).toContain('tasks: 4 rows deleted')
  expect(await left()).toEqual([{ tasks: 2, keys: 1 }])
})
