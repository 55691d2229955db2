import { describe, expect, test } from 'vitest'
import { aRow, aUser, sql, type Task } from './support.ts'
import { trips } from './watch.ts'

/** Postgres text → the contract's RFC 3339: always UTC, three decimals and Z. */
const moments = [
  ['2025-12-10 12:34:56+00', '2025-12-10T12:34:56.000Z'],
  ['2025-12-10 12:34:56.1+00', '2025-12-10T12:34:56.100Z'],
  ['2025-12-10 12:34:56.12+00', '2025-12-10T12:34:56.120Z'],
  ['2025-12-10 12:34:56.123+00', '2025-12-10T12:34:56.123Z'],
  ['2025-12-10 12:34:56.001+00', '2025-12-10T12:34:56.001Z'],
  ['2025-12-10 12:34:56.010+00', '2025-12-10T12:34:56.010Z'],
  ['2025-12-10 12:34:56.1239996+00', '2025-12-10T12:34:56.124Z'],
  ['2025-12-31 23:59:59.9996+00', '2026-01-01T00:00:00.000Z'],
  ['2025-12-10 00:00:00+05:30', '2025-12-09T18:30:00.000Z'],
  ['2024-02-29 00:00:00+00', '2024-02-29T00:00:00.000Z'],
  ['1970-01-01 00:00:00+00', '1970-01-01T00:00:00.000Z'],
  ['1969-12-31 23:59:59.999+00', '1969-12-31T23:59:59.999Z'],
  ['1883-11-18 12:03:57.5+00', '1883-11-18T12:03:57.500Z'],
  ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
  ['0099-12-31 00:00:00.05+00', '0099-12-31T00:00:00.050Z'],
  ['9999-12-31 23:59:59.999+00', '9999-12-31T23:59:59.999Z'],
] as const

test.each(moments)('a task of %s says %s, alone and in a list', async (stored, shown) => {
  const user = await aUser()
  const id = await aRow(user.id, { created_at: stored })
  const json = `{"id":${id},"user_id":"${user.id}","title":"canary title","description":null,"completed":false,"created_at":"${shown}","updated_at":"${shown}"}`
  expect(await (await user.api('GET', `/tasks/${id}`)).text()).toBe(json)
  expect(await (await user.api('GET', '/tasks')).text()).toBe(`[${json}]`)
  expect(await (await user.api('PATCH', `/tasks/${id}`, { completed: false })).text()).toBe(json)
})

/** Titles that a serializer of one's own could get wrong. None begins or ends with white space. */
const TITLES = [
  'canary "quoted" and \\ backslashed \\" both',
  'canary 🐤 👩‍👩‍👧‍👦 \u{1f468}\u{10ffff}',
  'canary \u0001\u0008\u000b\u000c\u001b\u001f\u007f\u0080\u009f.',
  'canary line\u2028paragraph\u2029separators\r\n\ttabs',
  "canary </script><!-- & ' ` {} [] , : null",
  'canary éè e\u0301 ﷽ עברית العربية 中文 \ufeff\u200b.',
  'true',
  '{"id":1}',
  '\ufeff',
  `${'🐤'.repeat(200)}`,
]

test('a thousand tasks are one JSON array to the byte, from one statement', async () => {
  const user = await aUser()
  await sql`insert into tasks (user_id, title, description, completed, created_at, updated_at)
    select ${user.id}, title, case when n % 3 = 0 then null else title || n end, n % 2 = 0,
      moment, moment + (n % 7) * interval '1 second'
    from (
      select n, (${TITLES}::text[])[1 + n % ${TITLES.length}::int] as title,
        timestamptz '2025-12-10 12:00:00+00' + (n / 4) * interval '0.11 second' as moment
      from generate_series(1, 1000) as n
    ) as numbers`
  const rows = await sql`select id::int, user_id, title, description, completed,
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created_at,
      to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as updated_at
    from tasks where user_id = ${user.id} order by tasks.created_at desc, id desc`
  expect(rows).toHaveLength(1000)

  const responses: Response[] = []
  const count = await trips(async () => responses.push(await user.api('GET', '/tasks')))
  const [response] = responses as [Response]
  const text = await response.text()
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.has('Link')).toBe(false)
  // Not one assertion on the whole: a difference of 300 kB is no message that anyone reads.
  expect((JSON.parse(text) as Task[]).map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
  for (const row of rows) expect(text).toContain(JSON.stringify(row))
  expect(text === JSON.stringify(rows)).toBe(true)
  expect(count.database).toBe(1)
})

describe('GET /tasks', () => {
  const ids = async (response: Response) => ((await response.json()) as Task[]).map(({ id }) => id)

  test('is an empty array for a user without tasks', async () => {
    const user = await aUser()
    const response = await user.api('GET', '/tasks')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('[]')
  })

  test('is newest first, and by id where the moments are the same', async () => {
    const user = await aUser()
    const at = (created_at: string) => aRow(user.id, { created_at })
    const first = await at('2025-12-10T12:00:00.001Z')
    const newest = await at('2025-12-10T12:00:00.002Z')
    const oldest = await at('2025-12-09T12:00:00.000Z')
    const tied = await at('2025-12-10T12:00:00.001Z')
    const tiedToo = await at('2025-12-10T12:00:00.001Z')
    expect(await ids(await user.api('GET', '/tasks'))).toEqual([newest, tiedToo, tied, first, oldest])
    expect(await ids(await user.api('GET', '/tasks?completed=false'))).toEqual([
      newest,
      tiedToo,
      tied,
      first,
      oldest,
    ])
  })

  test("holds no task of another user's", async () => {
    const [user, other] = [await aUser(), await aUser()]
    const mine = await aRow(user.id)
    const theirs = await aRow(other.id)
    expect(await ids(await user.api('GET', '/tasks'))).toEqual([mine])
    expect(await ids(await other.api('GET', `/tasks?user_id=${user.id}`))).toEqual([theirs])
  })

  test('takes completed=true or completed=false, and holds all tasks without either', async () => {
    const user = await aUser()
    const open = await aRow(user.id)
    const done = await aRow(user.id, { completed: true })
    expect(await ids(await user.api('GET', '/tasks?completed=true'))).toEqual([done])
    expect(await ids(await user.api('GET', '/tasks?completed=false'))).toEqual([open])
    expect((await ids(await user.api('GET', '/tasks'))).sort()).toEqual([open, done].sort())
  })

  test('takes limit from 1 to 1000', async () => {
    const user = await aUser()
    const rows = [await aRow(user.id), await aRow(user.id), await aRow(user.id)].reverse()
    expect(await ids(await user.api('GET', '/tasks?limit=1'))).toEqual(rows.slice(0, 1))
    expect(await ids(await user.api('GET', '/tasks?limit=2&completed=false'))).toEqual(rows.slice(0, 2))
    const all = await user.api('GET', '/tasks?limit=1000')
    expect(all.headers.has('Link')).toBe(false)
    expect(await ids(all)).toEqual(rows)
  })

  test('ignores query parameters it does not know', async () => {
    const user = await aUser()
    const id = await aRow(user.id)
    const path = '/tasks?page=2&offset=1&Completed=true&completed[]=true&__proto__=canary&=&canary'
    expect(await ids(await user.api('GET', path))).toEqual([id])
  })
})
