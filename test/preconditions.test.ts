import { describe, expect, test } from 'vitest'
import { aSession, aUser, client, expectProblem, type Task, type User } from './support.ts'

/** Every case meets a task whose ETag is "2": created, then changed once. */
async function aTaskAtTwo(): Promise<{ user: User; path: string; task: Task }> {
  const user = await aUser()
  const { id } = await user.task()
  const response = await user.api('PATCH', `/tasks/${id}`, { title: 'canary second' })
  expect(response.headers.get('ETag')).toBe('"2"')
  return { user, path: `/tasks/${id}`, task: await response.json() }
}

type Headers = Record<string, string>
const match = (value: string): Headers => ({ 'If-Match': value })
const noneMatch = (value: string): Headers => ({ 'If-None-Match': value })

/** RFC 9110: what a GET or HEAD with these headers answers, and whether a PUT, PATCH or DELETE is done. */
const cases: [section: string, says: string, headers: Headers, read: 200 | 304 | 412, done: boolean][] = [
  ['§13.1.1', 'the current tag', match('"2"'), 200, true],
  ['§13.1.1', 'a tag of the past', match('"1"'), 412, false],
  ['§13.1.1', 'a tag of the future', match('"3"'), 412, false],
  ['§13.1.1', 'a star, while there is a task', match('*'), 200, true],
  ['§13.1.1', 'a list with the current tag', match('"1", "2"'), 200, true],
  ['§13.1.1', 'a list without the current tag', match('"1", "3"'), 412, false],
  ['§5.6.1.2', 'a list with empty elements', match(',"1" ,, "2",'), 200, true],
  ['§8.8.3', 'a tag with a comma inside, before the current one', match('"1,2", "2"'), 200, true],
  ['§8.8.3', 'the current tag as a part of another', match('"1,2"'), 412, false],
  // Stricter in the RFC (§8.8.3.2) than here: a CDN that compresses an answer weakens the tag a client holds.
  ['§8.8.3', 'the current tag, weakened on its way', match('W/"2"'), 200, true],
  ['§8.8.3', 'a list with the current tag, weakened', match('W/"1", W/"2"'), 200, true],
  ['§8.8.3', 'a weak tag of the past', match('W/"1"'), 412, false],
  ['§8.8.3', 'a W/ that is not upper-case', match('w/"2"'), 412, false],
  ['§8.8.3', 'a tag without quotes', match('2'), 412, false],
  ['§8.8.3', 'a tag without its last quote', match('"2'), 412, false],
  ['§8.8.3.2', 'a number that is equal but another text', match('"02"'), 412, false],
  [
    '§8.8.3.2',
    'tags that no version can be',
    match('"", "0", "-2", "2.0", "x", "99999999999999999999"'),
    412,
    false,
  ],
  ['§13.1.1', 'a star inside a list', match('*, "2"'), 412, false],
  ['§13.1.1', 'an empty list', match(','), 412, false],
  ['§13.1.2', 'the current tag', noneMatch('"2"'), 304, false],
  ['§13.1.2', 'a tag of the past', noneMatch('"1"'), 200, true],
  ['§13.1.2', 'a star, while there is a task', noneMatch('*'), 304, false],
  ['§13.1.2', 'a list with the current tag', noneMatch('"1", "2"'), 304, false],
  ['§13.1.2', 'a list without the current tag', noneMatch('"1", "3"'), 200, true],
  ['§8.8.3.2', 'the current tag, weakened on its way', noneMatch('W/"2"'), 304, false],
  ['§5.6.1.2', 'a list with empty elements', noneMatch(', ,W/"2" ,'), 304, false],
  ['§8.8.3', 'a tag without quotes', noneMatch('2'), 200, true],
  ['§13.1.2', 'a star inside a list', noneMatch('"1", *'), 200, true],
  ['§13.2.2', 'both headers, both true', { ...match('"2"'), ...noneMatch('"1"') }, 200, true],
  ['§13.2.2', 'If-Match true, If-None-Match false', { ...match('"2"'), ...noneMatch('"2"') }, 304, false],
  ['§13.2.2', 'If-Match false, If-None-Match true', { ...match('"1"'), ...noneMatch('"1"') }, 412, false],
  ['§13.2.2', 'both headers, both false', { ...match('"1"'), ...noneMatch('"2"') }, 412, false],
  ['§13.2.2', 'two stars', { ...match('*'), ...noneMatch('*') }, 304, false],
  // No Last-Modified is ever sent, so there is no date to compare with (§13.1.3 ¶6, §13.1.4 ¶5).
  ['§13.1.3', 'If-Modified-Since of tomorrow', { 'If-Modified-Since': date(+1) }, 200, true],
  ['§13.1.4', 'If-Unmodified-Since of last year', { 'If-Unmodified-Since': date(-365) }, 200, true],
  ['§13.1.3', 'a date beside a tag', { ...noneMatch('"1"'), 'If-Modified-Since': date(+1) }, 200, true],
  ['§13.1.5', 'If-Range, where no ranges are served', { 'If-Range': '"2"', Range: 'bytes=0-1' }, 200, true],
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
    const { user, path, task } = await aTaskAtTwo()
    const get = await user.api('GET', path, undefined, headers)
    if (read === 412) await expectProblem(get, 412, 'precondition_failed')
    else expect([get.status, await get.text()]).toEqual([read, read === 200 ? JSON.stringify(task) : ''])
    const head = await user.api('HEAD', path, undefined, headers)
    expect([head.status, await head.text()]).toEqual([read, ''])
    expect(head.headers.get('ETag')).toBe(read === 412 ? null : '"2"')
  })

  test.each(named)('PUT and PATCH, $name: done is $done', async ({ headers, done }) => {
    for (const method of ['PUT', 'PATCH']) {
      const { user, path, task } = await aTaskAtTwo()
      const response = await user.api(method, path, { completed: true }, headers)
      if (done) {
        expect([response.status, response.headers.get('ETag')]).toEqual([200, '"3"'])
        expect(await response.json()).toEqual({ ...task, completed: true, updated_at: expect.any(String) })
      } else {
        await expectProblem(response, 412, 'precondition_failed')
        expect(await (await user.api('GET', path)).json()).toEqual(task)
      }
    }
  })

  test.each(named)('DELETE, $name: done is $done', async ({ headers, done }) => {
    const { user, path, task } = await aTaskAtTwo()
    const response = await user.api('DELETE', path, undefined, headers)
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
    for (const method of methods) {
      for (const headers of conditions) {
        await expectProblem(await user.api(method, `/tasks/${id}`, body(method), headers), 404, 'not_found')
      }
    }
    expect((await other.api('GET', `/tasks/${id}`)).headers.get('ETag')).toBe('"1"')
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
  const tagOf = async (user: User, path = '/tasks') =>
    (await user.api('GET', path)).headers.get('ETag') as string

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

describe('a change', () => {
  test.each(['PUT', 'PATCH'])(
    'by %s that changes nothing keeps the version, and still heeds If-Match',
    async (method) => {
      const { user, path, task } = await aTaskAtTwo()
      const { title, description, completed } = task
      const same = await user.api(method, path, { title, description, completed }, match('"2"'))
      expect([same.status, same.headers.get('ETag'), await same.json()]).toEqual([200, '"2"', task])
      await expectProblem(await user.api(method, path, { title }, match('"1"')), 412, 'precondition_failed')
    },
  )

  test('of two editors with one ETag: the first wins, the second gets 412 and loses nothing', async () => {
    const { user, path } = await aTaskAtTwo()
    const edits = ['canary one', 'canary two'].map((title) =>
      user.api('PATCH', path, { title }, match('"2"')),
    )
    const statuses = (await Promise.all(edits)).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 412])
    const task = await user.api('GET', path)
    expect(task.headers.get('ETag')).toBe('"3"')
    expect(await task.json()).toMatchObject({ title: statuses[0] === 200 ? 'canary one' : 'canary two' })
  })
})
