import { describe, expect, test } from 'vitest'
import { aRow, aUser, sql } from './support.ts'

const WHITE_SPACE = [
  ...'\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
]

/** PostgreSQL's Appendix A. */
const CHECK_VIOLATION = { code: '23514' }
const NOT_NULL = { code: '23502' }
const TOO_LONG = { code: '22001' }

describe('tasks refuses, whoever writes,', () => {
  test.each<[what: string, fields: Parameters<typeof aRow>[1], violation: object]>([
    ['an empty title', { title: '' }, CHECK_VIOLATION],
    ['a title of 201 characters', { title: 'c'.repeat(201) }, TOO_LONG],
    ['a title of 201 emoji', { title: '🐤'.repeat(201) }, TOO_LONG],
    ['a description of 1001 characters', { description: 'c'.repeat(1001) }, CHECK_VIOLATION],
    ['a description of 1001 emoji', { description: '🐤'.repeat(1001) }, CHECK_VIOLATION],
    [
      'a change before the creation',
      { created_at: '2025-12-10T12:00:00.001Z', updated_at: '2025-12-10T12:00:00.000Z' },
      CHECK_VIOLATION,
    ],
    ['no title', { title: null as never }, NOT_NULL],
    ['no completed', { completed: null as never }, NOT_NULL],
    ['no created_at', { created_at: null as never }, NOT_NULL],
    ['no updated_at', { updated_at: null as never }, NOT_NULL],
    // RFC 3339 §5.6 has four digits for a year and none for the rest of these.
    ['a year of five digits', { created_at: '10000-01-01T00:00:00Z' }, CHECK_VIOLATION],
    ['a change in a year of five digits', { updated_at: '10000-01-01T00:00:00Z' }, CHECK_VIOLATION],
    ['a year before Christ', { created_at: '0044-03-15 12:00:00+00 BC' }, CHECK_VIOLATION],
    ['a moment that never comes', { updated_at: 'infinity' }, CHECK_VIOLATION],
    ['a moment that never was', { created_at: '-infinity' }, CHECK_VIOLATION],
  ])('%s', async (_, fields, violation) => {
    const user = await aUser()
    await expect(aRow(user.id, fields)).rejects.toMatchObject(violation)
  })

  test.each(WHITE_SPACE)('a title that begins or ends with %j, or is nothing else', async (space) => {
    const user = await aUser()
    for (const title of [space, `${space}canary`, `canary${space}`]) {
      await expect(aRow(user.id, { title }), JSON.stringify(title)).rejects.toMatchObject(CHECK_VIOLATION)
    }
    expect(await aRow(user.id, { title: `canary${space}canary` })).toBeGreaterThan(0)
  })

  test('a task without an owner', async () => {
    await expect(sql`insert into tasks (title) values ('canary')`).rejects.toMatchObject(NOT_NULL)
  })

  test('a version below 1, or none', async () => {
    const user = await aUser()
    const insert = (version: number | null) =>
      sql`insert into tasks (user_id, title, version) values (${user.id}, 'canary', ${version})`
    await expect(insert(0)).rejects.toMatchObject(CHECK_VIOLATION)
    await expect(insert(null)).rejects.toMatchObject(NOT_NULL)
  })

  test('an id of its own choice', async () => {
    const user = await aUser()
    const insert = sql`insert into tasks (id, user_id, title) values (1, ${user.id}, 'canary')`
    await expect(insert).rejects.toMatchObject({ code: '428C9' })
  })
})

test('tasks takes what the API takes: 200 and 1000 characters, and the years of RFC 3339', async () => {
  const user = await aUser()
  const [title, description] = ['🐤'.repeat(200), '🐤'.repeat(1000)]
  await aRow(user.id, { title, description, created_at: '0001-01-01T00:00:00.000Z' })
  await aRow(user.id, { title: '\ufeff', description: '', updated_at: '9999-12-31T23:59:59.999Z' })
  const response = await user.api('GET', '/tasks')
  expect(await response.json()).toMatchObject([
    { title: '\ufeff', description: '', updated_at: '9999-12-31T23:59:59.999Z' },
    { title, description, created_at: '0001-01-01T00:00:00.000Z' },
  ])
})

test('the sequence of ids ends at 2^53-1, the greatest integer that JSON carries safely', async () => {
  const [row] = await sql`select min_value::text, max_value::text, cycle from pg_sequences
    where schemaname || '.' || sequencename = pg_get_serial_sequence('tasks', 'id')`
  expect(row).toEqual({ min_value: '1', max_value: '9007199254740991', cycle: false })
})

test('no foreign key crosses to the tables of the auth server', async () => {
  const rows = await sql`select conname from pg_constraint
    where contype = 'f' and conrelid in ('tasks'::regclass, 'idempotency_keys'::regclass)`
  expect(rows).toEqual([])
})

test('the list has its index: (user_id, created_at desc, id desc)', async () => {
  const rows = await sql`select indexdef from pg_indexes where tablename = 'tasks'`
  expect(rows.map(({ indexdef }) => indexdef)).toContainEqual(
    expect.stringMatching(/\(user_id, created_at DESC, id DESC\)$/),
  )
})
