import { describe, expect, test } from 'vitest'
import { aRow, aSession, aUser, client, etagOf, expectProblem, sql, type Task, type User } from './support.ts'

/** A task that was created, then changed once. */
async function aChangedTask() {
  const user = await aUser()
  const { id } = await user.task()
  const path = `/tasks/${id}`
  const then = await etagOf(user.api, path)
  const response = await user.api('PATCH', path, { title: 'canary second' })
  const now = response.headers.get('ETag') as string
  const task: Task = await response.json()
  /** `"now"` and `"then"` of the cases below, as they are for this task. */
  const real = (headers: Headers): Headers =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        value.replaceAll('now', now.slice(1, -1)).replaceAll('then', then.slice(1, -1)),
      ]),
    )
  return { user, path, task, now, real }
}

type Headers = Record<string, string>
const match = (value: string): Headers => ({ 'If-Match': value })
const noneMatch = (value: string): Headers => ({ 'If-None-Match': value })

/** RFC 9110: what a GET or HEAD with these headers answers, and whether a PUT, PATCH or DELETE is done. */
const cases: [section: string, says: string, headers: Headers, read: 200 | 304 | 412, done: boolean][] = [
  ['§13.1.1', 'the current tag', match('"now"'), 200, true],
  ['§13.1.1', 'a tag of the past', match('"then"'), 412, false],
  ['§13.1.1', 'a tag that never was', match('"never"'), 412, false],
  ['§13.1.1', 'a star, while there is a task', match('*'), 200, true],
  ['§13.1.1', 'a list with the current tag', match('"then", "now"'), 200, true],
  ['§13.1.1', 'a list without the current tag', match('"then", "never"'), 412, false],
  ['§5.6.1.2', 'a list with empty elements', match(',"then" ,, "now",'), 200, true],
  ['§8.8.3', 'a tag with a comma inside, before the current one', match('"then,now", "now"'), 200, true],
  ['§8.8.3', 'the current tag as a part of another', match('"then,now"'), 412, false],
  // Stricter in the RFC (§8.8.3.2) than here: a CDN that compresses an answer weakens the tag a client holds.
  ['§8.8.3', 'the current tag, weakened on its way', match('W/"now"'), 200, true],
  ['§8.8.3', 'a list with the current tag, weakened', match('W/"then", W/"now"'), 200, true],
  ['§8.8.3', 'a weak tag of the past', match('W/"then"'), 412, false],
  ['§8.8.3', 'a W/ that is not upper-case', match('w/"now"'), 412, false],
  ['§8.8.3', 'a tag without quotes', match('now'), 412, false],
  ['§8.8.3', 'a tag without its last quote', match('"now'), 412, false],
  ['§8.8.3.2', 'tags that no task can have', match('"", "0", "\'", "{}", "null", "\\"'), 412, false],
  ['§13.1.1', 'a star inside a list', match('*, "now"'), 412, false],
  ['§13.1.1', 'an empty list', match(','), 412, false],
  ['§13.1.2', 'the current tag', noneMatch('"now"'), 304, false],
  ['§13.1.2', 'a tag of the past', noneMatch('"then"'), 200, true],
  ['§13.1.2', 'a star, while there is a task', noneMatch('*'), 304, false],
  ['§13.1.2', 'a list with the current tag', noneMatch('"then", "now"'), 304, false],
  ['§13.1.2', 'a list without the current tag', noneMatch('"then", "never"'), 200, true],
  ['§8.8.3.2', 'the current tag, weakened on its way', noneMatch('W/"now"'), 304, false],
  ['§5.6.1.2', 'a list with empty elements', noneMatch(', ,W/"now" ,'), 304, false],
  ['§8.8.3', 'a tag without quotes', noneMatch('now'), 200, true],
  ['§13.1.2', 'a star inside a list', noneMatch('"then", *'), 200, true],
  ['§13.2.2', 'both headers, both true', { ...match('"now"'), ...noneMatch('"then"') }, 200, true],
  ['§13.2.2', 'If-Match true, If-None-Match false', { ...match('"now"'), ...noneMatch('"now"') }, 304, false],
  [
    '§13.2.2',
    'If-Match false, If-None-Match true',
    { ...match('"then"'), ...noneMatch('"then"') },
    412,
    false,
  ],
  ['§13.2.2', 'both headers, both false', { ...match('"then"'), ...noneMatch('"now"') }, 412, false],
  ['§13.2.2', 'two stars', { ...match('*'), ...noneMatch('*') }, 304, false],
  // No Last-Modified is ever sent, so there is no date to compare with (§13.1.3 ¶6, §13.1.4 ¶5).
  ['§13.1.3', 'If-Modified-Since of tomorrow', { 'If-Modified-Since': date(+1) }, 200, true],
  ['§13.1.4', 'If-Unmodified-Since of last year', { 'If-Unmodified-Since': date(-365) }, 200, true],
  ['§13.1.3', 'a date beside a tag', { ...noneMatch('"then"'), 'If-Modified-Since': date(+1) }, 200, true],
  ['§13.1.5', 'If-Range, where no ranges are served', { 'If-Range': '"now"', Range: 'bytes=0-1' }, 200, true],
]

function date(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toUTCString()
}

const named = cases.map(([section, says, headers, read, done]) => ({
  name: `${section} ${Object.entries(headers)
    .map((entry) => entry.join(': '))
    .join(' + ')} (${says})`,
  headers,
  read,
  done,
}))

describe('RFC 9110 §13 on a task', () => {
  test.each(named)('GET and HEAD, $name: $read', async ({ headers, read }) => {
    const { user, path, task, now, real } = await aChangedTask()
    const get = await user.api('GET', path, undefined, real(headers))
    if (read === 412) await expectProblem(get, 412, 'precondition_failed')
    else expect([get.status, await get.text()]).toEqual([read, read === 200 ? JSON.stringify(task) : ''])
    const head = await user.api('HEAD', path, undefined, real(headers))
    expect([head.status, await head.text()]).toEqual([read, ''])
    expect(head.headers.get('ETag')).toBe(read === 412 ? null : now)
  })

  test.each(named)('PUT and PATCH, $name: done is $done', async ({ headers, done }) => {
    for (const method of ['PUT', 'PATCH']) {
      const { user, path, task, now, real } = await aChangedTask()
      const response = await user.api(method, path, { completed: true }, real(headers))
      if (done) {
        expect(response.status).toBe(200)
        expect(response.headers.get('ETag')).not.toBe(now)
        expect(response.headers.get('ETag')).toBe(await etagOf(user.api, path))
        expect(await response.json()).toEqual({ ...task, completed: true, updated_at: expect.any(String) })
      } else {
        await expectProblem(response, 412, 'precondition_failed')
        expect(await (await user.api('GET', path)).json()).toEqual(task)
      }
    }
  })

  test.each(named)('DELETE, $name: done is $done', async ({ headers, done }) => {
    const { user, path, task, real } = await aChangedTask()
    const response = await user.api('DELETE', path, undefined, real(headers))
    if (done) {
      expect(response.status).toBe(204)
      await expectProblem(await user.api('GET', path), 404, 'not_found')
    } else {
      await expectProblem(response, 412, 'precondition_failed')
      expect(await (await user.api('GET', path)).json()).toEqual(task)
    }
  })
})

describe('RFC 9110 §13.2.1: what would fail without its conditions fails as it would', () => {
  const conditions = [match('*'), match('"1"'), noneMatch('*'), noneMatch('"1"')]
  const methods = ['GET', 'PUT', 'PATCH', 'DELETE'] as const
  const body = (method: string) => (method.startsWith('P') ? { completed: true } : undefined)

  test('a task that is not there is a 404, not a 412', async () => {
    const user = await aUser()
    for (const method of methods) {
      for (const headers of conditions) {
        const response = await user.api(method, `/tasks/${Number.MAX_SAFE_INTEGER}`, body(method), headers)
        await expectProblem(response, 404, 'not_found')
      }
    }
  })

  test("another user's task is the same 404", async () => {
    const [user, other] = [await aUser(), await aUser()]
    const { id } = await other.task()
    const tag = await etagOf(other.api, `/tasks/${id}`)
    for (const method of methods) {
      for (const headers of [...conditions, match(tag), noneMatch(tag)]) {
        await expectProblem(await user.api(method, `/tasks/${id}`, body(method), headers), 404, 'not_found')
      }
    }
    expect(await etagOf(other.api, `/tasks/${id}`)).toBe(tag)
  })

  test('a dead session is a 401, so that no tag can be guessed', async () => {
    const user = await aUser()
    const { id } = await user.task()
    const dead = client(await aSession(user.id, { revoked: true }))
    for (const headers of conditions) {
      await expectProblem(await dead('GET', `/tasks/${id}`, undefined, headers), 401, 'authentication_error')
    }
  })

  test('a body that does not fit is a 400', async () => {
    const user = await aUser()
    const { id } = await user.task()
    for (const headers of conditions) {
      await expectProblem(await user.api('PATCH', `/tasks/${id}`, {}, headers), 400, 'validation_error')
    }
  })

  test('POST selects no task, so it heeds no condition', async () => {
    const user = await aUser()
    expect((await user.api('POST', '/tasks', { title: 'canary' }, match('"7"'))).status).toBe(201)
    expect((await user.api('POST', '/tasks', { title: 'canary' }, noneMatch('*'))).status).toBe(201)
    const { id } = await user.task()
    const response = await user.api('POST', '/tasks/bulk-delete', { task_ids: [id] }, match('"7"'))
    expect(await response.json()).toEqual({ deleted: [id], not_found: [] })
  })
})

describe('RFC 9110 §15.4.5: a 304', () => {
  const ORIGIN = 'http://localhost:3000'

  test.each(['/tasks', '/tasks?limit=1', '/tasks/{id}'])(
    'of %s has the headers of its 200, and no body',
    async (route) => {
      const user = await aUser()
      await user.task()
      const path = route.replace('{id}', String((await user.task()).id))
      const full = await user.api('GET', path, undefined, { Origin: ORIGIN })
      const tag = full.headers.get('ETag') as string
      const bare = await user.api('GET', path, undefined, { Origin: ORIGIN, ...noneMatch(tag) })
      expect([bare.status, await bare.text()]).toEqual([304, ''])
      const of = ({ headers }: Response) =>
        Object.fromEntries(
          [...headers].filter(([name]) => !/^(content-(type|length)|x-request-id)$|ratelimit/.test(name)),
        )
      expect(of(bare)).toEqual(of(full))
      expect(bare.headers.get('Content-Type')).toBeNull()
      expect(bare.headers.get('Cache-Control')).toBe('private, no-cache')
      expect(bare.headers.get('Vary')?.split(/, */)).toEqual(
        expect.arrayContaining(['Authorization', 'Origin']),
      )
      expect(bare.headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
      expect(bare.headers.get('Access-Control-Expose-Headers')).toContain('ETag')
      expect(bare.headers.get('X-RateLimit-Limit')).toBe('100')
      expect(bare.headers.get('X-Request-Id')).not.toBeNull()
    },
  )
})

describe('the ETag of a list', () => {
  const poll = (user: User, tag: string, path = '/tasks') => user.api('GET', path, undefined, noneMatch(tag))
  const tagOf = (user: User, path = '/tasks') => etagOf(user.api, path)

  test('costs a poll of an unchanged list no body, with or without W/', async () => {
    const user = await aUser()
    const tag = await tagOf(user)
    expect((await poll(user, tag)).status).toBe(304)
    expect((await poll(user, `W/${tag}`)).status).toBe(304)
    expect((await poll(user, '*')).status).toBe(304)
    expect((await user.api('HEAD', '/tasks', undefined, noneMatch(tag))).status).toBe(304)
    await expectProblem(await user.api('GET', '/tasks', undefined, match('"2"')), 412, 'precondition_failed')
  })

  test('changes when a task is created, changed or deleted, and at no other time', async () => {
    const user = await aUser()
    const tags = [await tagOf(user)]
    const { id } = await user.task()
    tags.push(await tagOf(user))
    await user.api('PATCH', `/tasks/${id}`, { completed: true })
    tags.push(await tagOf(user))
    await user.api('PATCH', `/tasks/${id}`, { completed: true })
    expect(await tagOf(user)).toBe(tags.at(-1))
    await user.api('PATCH', `/tasks/${id}`, { completed: false })
    tags.push(await tagOf(user))
    expect(new Set(tags).size).toBe(4)
    await user.api('DELETE', `/tasks/${id}`)
    expect(await tagOf(user)).toBe(tags[0])
  })

  test('of a page changes when a next page comes to be, since its Link does', async () => {
    const user = await aUser()
    await user.task({ title: 'canary older' })
    const alone = await tagOf(user, '/tasks?limit=1')
    await user.task({ title: 'canary newer' })
    const first = await user.api('GET', '/tasks?limit=1')
    await user.api('DELETE', `/tasks/${((await first.json()) as Task[])[0]?.id}`)
    expect(await tagOf(user, '/tasks?limit=1')).toBe(alone)
    expect(first.headers.get('ETag')).not.toBe(alone)
  })
})

describe('an ETag', () => {
  /** What a restore of the database does to a task. */
  const restore = (task: Task, version = 1) =>
    sql`update tasks set title = ${task.title}, version = ${version}, updated_at = ${task.updated_at} where id = ${task.id}`

  test('never comes back, when the database is restored and edited again', async () => {
    const user = await aUser()
    const task = await user.task()
    const path = `/tasks/${task.id}`
    const lost = await user.api('PATCH', path, { title: 'canary lost' })
    const tags = [lost.headers.get('ETag') as string, await etagOf(user.api, '/tasks')]

    await restore(task)
    await user.api('PATCH', path, { title: 'canary again' })
    for (const [where, tag] of [path, '/tasks'].map((where, i) => [where, tags[i] as string] as const)) {
      const response = await user.api('GET', where, undefined, noneMatch(tag))
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('canary again')])
    }
    const edit = await user.api('PATCH', path, { title: 'canary blind' }, match(tags[0] as string))
    await expectProblem(edit, 412, 'precondition_failed')
    await expectProblem(
      await user.api('DELETE', path, undefined, match(tags[0] as string)),
      412,
      'precondition_failed',
    )
    expect(await (await user.api('GET', path)).json()).toMatchObject({ title: 'canary again' })
  })

  test('is as it was, when the database is restored and not edited', async () => {
    const user = await aUser()
    const task = await user.task()
    const path = `/tasks/${task.id}`
    const tag = await etagOf(user.api, path)
    await user.api('PATCH', path, { title: 'canary lost' })
    await restore(task)
    expect((await user.api('GET', path, undefined, noneMatch(tag))).status).toBe(304)
    expect((await user.api('PATCH', path, { title: 'canary again' }, match(tag))).status).toBe(200)
  })

  test('is another after each of two edits in one millisecond', async () => {
    const user = await aUser()
    // An edit keeps an updated_at that the clock has not come to.
    const updated_at = new Date(Date.now() + 3_600_000).toISOString()
    const id = await aRow(user.id, { created_at: '2025-01-01T00:00:00.000Z', updated_at })
    const path = `/tasks/${id}`
    const seen = [[await etagOf(user.api, path), await etagOf(user.api, '/tasks')]]
    for (const title of ['canary first', 'canary second', 'canary title']) {
      const response = await user.api('PATCH', path, { title }, match(seen.at(-1)?.[0] as string))
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ updated_at })
      seen.push([response.headers.get('ETag') as string, await etagOf(user.api, '/tasks')])
    }
    expect(new Set(seen.flat()).size).toBe(8)
  })

  test("is another for each user's task, of one id and one moment, and for each user's list", async () => {
    const [user, other] = [await aUser(), await aUser()]
    const none = [await etagOf(user.api, '/tasks'), await etagOf(other.api, '/tasks')]
    const { id } = await user.task()
    const mine = [await etagOf(user.api, `/tasks/${id}`), await etagOf(user.api, '/tasks')]
    await sql`update tasks set user_id = ${other.id} where id = ${id}`
    const theirs = [await etagOf(other.api, `/tasks/${id}`), await etagOf(other.api, '/tasks')]
    expect(new Set([...none, ...mine, ...theirs]).size).toBe(6)
    const edit = await other.api('PATCH', `/tasks/${id}`, { completed: true }, match(mine[0] as string))
    await expectProblem(edit, 412, 'precondition_failed')
  })

  test('is another for each task of one version and one moment', async () => {
    const user = await aUser()
    const created_at = '2025-01-01T00:00:00.000Z'
    const ids = [await aRow(user.id, { created_at }), await aRow(user.id, { created_at })]
    const [first, second] = await Promise.all(ids.map((id) => etagOf(user.api, `/tasks/${id}`)))
    expect(first).not.toBe(second)
    const edit = await user.api('PATCH', `/tasks/${ids[1]}`, { completed: true }, match(first as string))
    await expectProblem(edit, 412, 'precondition_failed')
  })

  test('is the same from POST, PATCH and GET, with a key and without', async () => {
    const user = await aUser()
    for (const headers of [{}, { 'Idempotency-Key': `canary-${crypto.randomUUID()}` }] as Headers[]) {
      const created = await user.api('POST', '/tasks', { title: 'canary' }, headers)
      const path = created.headers.get('Location') as string
      expect(created.headers.get('ETag')).toBe(await etagOf(user.api, path))
      const tag = match(created.headers.get('ETag') as string)
      const changed = await user.api('PATCH', path, { title: 'canary changed' }, tag)
      expect([changed.status, changed.headers.get('ETag')]).toEqual([200, await etagOf(user.api, path)])
    }
  })
})

describe('a change', () => {
  test.each(['PUT', 'PATCH'])(
    'by %s that changes nothing keeps the ETag, and still heeds If-Match',
    async (method) => {
      const { user, path, task, now, real } = await aChangedTask()
      const { title, description, completed } = task
      const same = await user.api(method, path, { title, description, completed }, match(now))
      expect([same.status, same.headers.get('ETag'), await same.json()]).toEqual([200, now, task])
      const late = await user.api(method, path, { title }, real(match('"then"')))
      await expectProblem(late, 412, 'precondition_failed')
    },
  )

  test('of two editors with one ETag: the first wins, the second gets 412 and loses nothing', async () => {
    const { user, path, now } = await aChangedTask()
    const edits = ['canary one', 'canary two'].map((title) => user.api('PATCH', path, { title }, match(now)))
    const answers = await Promise.all(edits)
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 412])
    const task = await user.api('GET', path)
    expect(task.headers.get('ETag')).toBe(answers.find(({ ok }) => ok)?.headers.get('ETag'))
    expect(await task.json()).toMatchObject({ title: statuses[0] === 200 ? 'canary one' : 'canary two' })
  })
})
