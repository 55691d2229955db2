import { expect, inject, test } from 'vitest'
import { migrateAuth } from '../../local/auth/index.ts'
import { emptyDatabase } from '../setup/database.ts'

async function migrated(prepare = '') {
  const { neon: db, close } = await emptyDatabase(inject('pgliteImage'))
  await db.exec(prepare)
  return {
    db,
    close,
    applied: async () => (await db.query('select name from auth_migrations order by name')).rows,
  }
}

test('each file is applied once', async () => {
  const { db, close, applied } = await migrated()
  await migrateAuth(db)
  const first = await applied()
  await migrateAuth(db)
  expect(await applied()).toEqual(first)
  expect(first.map(({ name }) => name)).toEqual([
    '0001_users_and_sessions.sql',
    '0002_accounts_and_verifications.sql',
  ])
  await close()
})

test('a file that fails leaves nothing, and no transaction open', async () => {
  const { db, close, applied } = await migrated('create table user_sessions (taken int)')
  await expect(migrateAuth(db)).rejects.toThrow('user_sessions')
  expect(await applied()).toEqual([])
  await expect(db.query('select 1 from users')).rejects.toThrow('users')
  await db.exec('drop table user_sessions')
  await migrateAuth(db)
  expect(await applied()).toHaveLength(2)
  await close()
})
