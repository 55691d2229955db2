import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { app } from '../src/app.ts'
import { apiWith, envWith, UNLIMITED } from './faults.ts'
import { aRow, aUser, type Call, expectProblem, sql, type Task, type User } from './support.ts'

interface Row {
  id: number
  created_at: string
  completed: boolean
}

/** Rows in one statement, at the given milliseconds of one second, so that many share a `created_at`. */
async function rowsAt(user: User, rows: { ms: number; completed?: boolean }[]): Promise<Row[]> {
  const at = rows.map(({ ms }) => new Date(Date.UTC(2025, 0, 1) + ms).toISOString())
  const completed = rows.map(({ completed = false }) => completed)
  const stored = await sql`insert into tasks (user_id, title, completed, created_at, updated_at)
    select ${user.id}, 'canary title', completed, at, at
    from unnest(${at}::timestamptz[], ${completed}::boolean[]) with ordinality as rows (at, completed, n)
    order by n returning id`
  return stored.map(({ id }, i) => ({
    id: Number(id),
    created_at: at[i] as string,
    completed: completed[i] as boolean,
  }))
}

const newestFirst = (a: Row, b: Row) => Date.parse(b.created_at) - Date.parse(a.created_at) || b.id - a.id
const ids = (rows: { id: number }[]) => rows.map(({ id }) => id)

interface Page {
  tasks: Task[]
  /** Path and query of the next page. */
  next: string | undefined
}

async function page(api: Call, path: string): Promise<Page> {
  const response = await api('GET', path)
  const text = await response.text()
  expect(response.status, text).toBe(200)
  const link = response.headers.get('Link')
  const url = link === null ? undefined : /^<(https:\/\/api\.test\/[^>]*)>; rel="next"$/.exec(link)?.[1]
  expect(url === undefined, link ?? '').toBe(link === null)
  const cursor = url === undefined ? null : new URL(url).searchParams.get('cursor')
  expect(response.headers.get('X-Next-Cursor')).toBe(cursor)
  return { tasks: JSON.parse(text), next: url?.slice('https://api.test'.length) }
}

/** The pages from `path` on; `between` runs before each but the first. */
async function walk(api: Call, path: string, between?: () => Promise<void>): Promise<Task[][]> {
  const pages: Task[][] = []
  for (let next: string | undefined = path; next !== undefined; ) {
    if (pages.length > 0) await between?.()
    const answer: Page = await page(api, next)
    pages.push(answer.tasks)
    next = answer.next
  }
  return pages
}

const cursorIn = (path: string | undefined) =>
  new URL(path ?? '', 'https://api.test').searchParams.get('cursor') ?? ''

describe('GET /tasks', () => {
  test('without parameters is the bare array, newest first, of up to 1000 tasks', async () => {
    const user = await aUser()
    const rows = await rowsAt(
      user,
      Array.from({ length: 1000 }, (_, ms) => ({ ms: ms % 7 })),
    )
    const { tasks, next } = await page(user.api, '/tasks')
    expect(ids(tasks)).toEqual(ids(rows.toSorted(newestFirst)))
    expect(next).toBeUndefined()
  })

  test('leaves nothing out silently: with 1001 tasks there is a Link to the last', async () => {
    const user = await aUser()
    const rows = await rowsAt(
      user,
      Array.from({ length: 1001 }, () => ({ ms: 0 })),
    )
    const [first, last, ...more] = await walk(user.api, '/tasks')
    expect([first?.length, ids(last ?? []), more]).toEqual([1000, [rows[0]?.id], []])
  })

  test.each([1, 2, 3, 5, 6, 7, 1000])('in pages of %d is the same list', async (limit) => {
    const user = await aUser()
    const rows = await rowsAt(
      user,
      [3, 1, 3, 2, 1, 3].map((ms) => ({ ms })),
    )
    const pages = await walk(user.api, `/tasks?limit=${limit}`)
    expect(ids(pages.flat())).toEqual(ids(rows.toSorted(newestFirst)))
    // Only a next page that has something in it is linked to.
    expect(pages).toHaveLength(Math.ceil(6 / limit))
  })

  test('is an empty array, without a Link, for a user without tasks', async () => {
    const user = await aUser()
    expect(await page(user.api, '/tasks?limit=1')).toEqual({ tasks: [], next: undefined })
  })

  test.each(['true', 'false'])('filters by completed=%s, on every page', async (completed) => {
    const user = await aUser()
    const rows = await rowsAt(
      user,
      Array.from({ length: 12 }, (_, n) => ({ ms: n % 4, completed: n % 3 === 0 })),
    )
    const pages = await walk(user.api, `/tasks?completed=${completed}&limit=3`)
    const wanted = rows.filter((row) => String(row.completed) === completed).toSorted(newestFirst)
    expect(ids(pages.flat())).toEqual(ids(wanted))
  })

  test('links on with the filter and the limit that were asked for, and with nothing else', async () => {
    const user = await aUser()
    await rowsAt(
      user,
      [1, 2, 3].map((ms) => ({ ms })),
    )
    const { next } = await page(user.api, '/tasks/?completed=false&limit=1&canary=%3E%22%2C+x')
    const url = new URL(next ?? '', 'https://api.test')
    const { cursor, ...rest } = Object.fromEntries(url.searchParams)
    expect(cursor).toMatch(/^[A-Za-z0-9._-]{1,100}$/)
    expect(rest).toEqual({ completed: 'false', limit: '1' })
    expect([...url.searchParams.keys()]).toHaveLength(3)
    expect(url.pathname).toBe('/tasks/')
    const third = await page(user.api, (await page(user.api, next ?? '')).next ?? '')
    expect(third).toMatchObject({ tasks: [{ completed: false }], next: undefined })
  })

  test.each([
    ['development', 'http'],
    ['staging', 'https'],
    ['production', 'https'],
  ])('in %s, asked by http, links on by %s', async (ENVIRONMENT, protocol) => {
    const user = await aUser()
    await rowsAt(user, [{ ms: 1 }, { ms: 2 }])
    const deployed = {
      NEON_FETCH_ENDPOINT: '',
      CORS_ORIGINS: 'https://canary.example',
      UPSTASH_REDIS_REST_URL: 'https://127.0.0.1:1',
    }
    const settings = envWith({ ENVIRONMENT, ...(ENVIRONMENT !== 'development' && deployed) })
    const headers = { Authorization: `Bearer ${user.token}` }
    const request = new Request('http://api.test:8080/tasks?limit=1', { headers })
    const link = (await app.fetch(request, settings)).headers.get('Link')
    expect(link?.startsWith(`<${protocol}://api.test:8080/tasks?limit=1&cursor=v1.`), link ?? '').toBe(true)
  })

  test('answers HEAD with the same Link', async () => {
    const user = await aUser()
    await rowsAt(user, [{ ms: 1 }, { ms: 2 }])
    const [get, head] = [await user.api('GET', '/tasks?limit=1'), await user.api('HEAD', '/tasks?limit=1')]
    for (const name of ['Link', 'X-Next-Cursor']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name))
      expect(get.headers.get(name)).not.toBeNull()
    }
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test.each([
    ['limit=0', 'limit', 'greater_than_equal', 'Input should be greater than or equal to 1', '0'],
    ['limit=-1', 'limit', 'greater_than_equal', 'Input should be greater than or equal to 1', '-1'],
    ['limit=1001', 'limit', 'less_than_equal', 'Input should be less than or equal to 1000', '1001'],
    ['limit=1e2', 'limit', 'int_parsing', 'Input should be a valid integer', '1e2'],
    ['limit=', 'limit', 'int_parsing', 'Input should be a valid integer', ''],
    ['completed=1', 'completed', 'bool_parsing', 'Input should be true or false', '1'],
    ['completed=TRUE', 'completed', 'bool_parsing', 'Input should be true or false', 'TRUE'],
    ['completed=', 'completed', 'bool_parsing', 'Input should be true or false', ''],
  ])('refuses ?%s', async (query, field, code, message, value) => {
    const user = await aUser()
    const { errors } = await expectProblem(await user.api('GET', `/tasks?${query}`), 400, 'validation_error')
    expect(errors).toEqual([{ field, message, code, value }])
  })
})

describe('a cursor', () => {
  async function aCursor(user: User): Promise<string> {
    await rowsAt(
      user,
      [1, 1, 2].map((ms) => ({ ms })),
    )
    return cursorIn((await page(user.api, '/tasks?limit=1')).next)
  }

  async function expectInvalid(api: Call, cursor: string): Promise<void> {
    const response = await api('GET', `/tasks?cursor=${encodeURIComponent(cursor)}`)
    const { errors } = await expectProblem(response, 400, 'validation_error')
    const message = 'Cursor is not one that this API returned'
    expect(errors).toEqual([
      { field: 'cursor', message, code: 'cursor_invalid', value: cursor.slice(0, 100) },
    ])
  }

  test('that was changed in any one place is refused', async () => {
    const user = await aUser()
    const cursor = await aCursor(user)
    const api = apiWith(envWith(UNLIMITED), user.token)
    for (let i = 0; i < cursor.length; i++) {
      for (const character of [cursor[i] === '1' ? '2' : '1', '.', '']) {
        const changed = cursor.slice(0, i) + character + cursor.slice(i + 1)
        if (changed !== cursor) await expectInvalid(api, changed)
      }
    }
  })

  test.each([
    ['nothing', ''],
    ['a word', 'canary'],
    ['a cursor without its MAC', 'v1.1735689600001.1'],
    ['a cursor with a MAC of zeros', `v1.1735689600001.1.${'0'.repeat(32)}`],
    ['another version', `v2.1735689600001.1.${'0'.repeat(32)}`],
    ['SQL', "v1.1') or true --.1.00000000000000000000000000000000"],
    ['a number past bigint', `v1.1.${'9'.repeat(30)}.${'0'.repeat(32)}`],
    ['a NUL', 'v1\0'],
    ['much', 'c'.repeat(5000)],
  ])('that is %s is refused', async (_, cursor) => {
    const user = await aUser()
    await expectInvalid(user.api, cursor)
  })

  test('that is given twice is refused', async () => {
    const user = await aUser()
    const cursor = await aCursor(user)
    const response = await user.api('GET', `/tasks?cursor=${cursor}&cursor=${cursor}`)
    const { errors } = await expectProblem(response, 400, 'validation_error')
    expect(errors).toMatchObject([{ field: 'cursor', code: 'cursor_invalid' }])
  })

  test('outlives the task it was made of', async () => {
    const user = await aUser()
    const cursor = await aCursor(user)
    const { tasks } = await page(user.api, '/tasks')
    await user.api('DELETE', `/tasks/${tasks[0]?.id}`)
    expect((await page(user.api, `/tasks?cursor=${cursor}`)).tasks).toEqual(tasks.slice(1))
  })

  test('works with another filter and another limit', async () => {
    const user = await aUser()
    const cursor = await aCursor(user)
    expect((await page(user.api, `/tasks?cursor=${cursor}&limit=2&completed=false`)).tasks).toHaveLength(2)
    expect((await page(user.api, `/tasks?cursor=${cursor}&completed=true`)).tasks).toHaveLength(0)
  })

  test("of another user's opens nothing but a place in one's own list", async () => {
    const [user, other] = [await aUser(), await aUser()]
    const cursor = await aCursor(other)
    const own = await rowsAt(user, [{ ms: 0 }, { ms: 5 }])
    expect(ids((await page(user.api, `/tasks?cursor=${cursor}`)).tasks)).toEqual([own[0]?.id])
  })

  test('holds while the secret it is signed with is rotated out, and not after', async () => {
    const user = await aUser()
    const cursor = await aCursor(user)
    const rotated = { SESSION_HASH_SECRET: 'canary-the-next-session-hash-secret' }
    const during = { ...rotated, SESSION_HASH_SECRET_PREVIOUS: env.SESSION_HASH_SECRET }
    const api = apiWith(envWith(during), user.token)
    const { tasks, next } = await page(api, `/tasks?cursor=${cursor}&limit=1`)
    expect(tasks).toHaveLength(1)
    expect(cursorIn(next)).not.toBe(cursorIn((await page(user.api, `/tasks?cursor=${cursor}&limit=1`)).next))
    await expectInvalid(user.api, cursorIn(next))
  })

  test('finds its place before 1970 and at either end of a millisecond', async () => {
    const user = await aUser()
    const moments = ['0001-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z']
    const stored: number[] = []
    for (const created_at of [...moments, '9999-12-31T23:59:59.999Z']) {
      stored.push(await aRow(user.id, { created_at }))
    }
    expect(ids((await walk(user.api, '/tasks?limit=1')).flat())).toEqual(stored.toReversed())
  })
})

describe('a walk through pages', () => {
  const ms = fc.nat({ max: 3 })
  const row = fc.record({ ms, completed: fc.boolean() })
  const filter = fc.constantFrom(undefined, true, false)
  /** What happens between two pages: rows come anywhere in the list, and rows go, first and last ones too. */
  const event = fc.record({ come: fc.array(row, { maxLength: 3 }), go: fc.array(fc.nat(), { maxLength: 3 }) })

  test('meets every task that is there throughout exactly once, whatever comes and goes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 20 }),
        filter,
        fc.integer({ min: 1, max: 6 }),
        fc.array(event, { maxLength: 10 }),
        async (initial, completed, limit, events) => {
          const user = await aUser()
          const api = apiWith(envWith(UNLIMITED), user.token)
          const all = initial.length > 0 ? await rowsAt(user, initial) : []
          const before = all.slice()
          const gone = new Set<number>()
          const query = completed === undefined ? '' : `&completed=${completed}`
          const pages = await walk(api, `/tasks?limit=${limit}${query}`, async () => {
            const { come = [], go = [] } = events.shift() ?? {}
            if (come.length > 0) all.push(...(await rowsAt(user, come)))
            const leaving = all.length > 0 ? go.map((n) => all[n % all.length]?.id as number) : []
            for (const id of leaving) gone.add(id)
            if (leaving.length > 0) await sql`delete from tasks where id = any(${leaving})`
          })

          const fits = (row: Row) => completed === undefined || row.completed === completed
          const met = pages.flat()
          const throughout = before.filter((row) => fits(row) && !gone.has(row.id))
          expect(new Set(ids(met)).size).toBe(met.length)
          expect(ids(met)).toEqual(expect.arrayContaining(ids(throughout)))
          expect(met.every(fits)).toBe(true)
          expect(ids(met)).toEqual(ids(met.toSorted(newestFirst)))
          expect(ids(all)).toEqual(expect.arrayContaining(ids(met)))
          expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })
})
