import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { introduce } from '../../local/own-database.ts'
import { emptyDatabase } from '../setup/database.ts'

/** What `npm run dev` says of a database of one's own, before it does anything there. */

let database: Awaited<ReturnType<typeof emptyDatabase>>
beforeAll(async () => {
  database = await emptyDatabase(inject('pgliteImage'))
})
beforeEach(() => database.neon.exec('drop schema public cascade; create schema public'))
afterAll(() => database?.close())

test('an empty one gets the tables that are named', async () => {
  expect(await introduce(database.neon, 'host/name')).toMatch(
    /^Making the tables users, .*tasks.* in host\/name\.$/,
  )
})

test('one that an earlier start filled is used', async () => {
  await migrateAuth(database.neon)
  expect(await introduce(database.neon, 'host/name')).toBe(
    'Using the tables of an earlier start in host/name.',
  )
})

test.each(['create table users (id int)', 'create view tasks as select 1 as id'])(
  'one that has other tables of these names is left alone: %s',
  async (theirs) => {
    await database.neon.exec(theirs)
    await expect(introduce(database.neon, 'host/name')).rejects.toThrow(
      /^host\/name has tables that `npm run dev` did not make: (users|tasks)\./,
    )
  },
)
