import { describe, expect, test } from 'vitest'
import { aRow, aUser, etagOf, expectProblem, sql, type Task } from './support.ts'
import { trips } from './watch.ts'

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const NO_ID = Number.MAX_SAFE_INTEGER

async function answer<T = Task>(response: Response, status: number): Promise<T> {
  const text = await response.text()
  expect(response.status, text).toBe(status)
  return JSON.parse(text)
}

describe('POST /tasks', () => {
  test('answers 201 with the task, member for member, and where it is', async () => {
    const user = await aUser()
    const response = await user.api('POST', '/tasks', {
      title: 'canary milk',
      description: 'two “canaries”',
      completed: true,
    })
    expect(response.status).toBe(201)
    const text = await response.text()
    const { id, created_at } = JSON.parse(text) as Task
    expect(text).toBe(
      `{"id":${id},"user_id":"${user.id}","title":"canary milk","description":"two “canaries”","completed":true,` +
        `"created_at":"${created_at}","updated_at":"${created_at}"}`,
    )
    expect(Number.isSafeInteger(id) && id >= 1).toBe(true)
    expect(created_at).toMatch(MOMENT)
    expect(Math.abs(Date.parse(created_at) - Date.now())).toBeLessThan(30_000)
    expect(response.headers.get('Location')).toBe(`/tasks/${id}`)
    expect(response.headers.get('ETag')).toBe(await etagOf(user.api, `/tasks/${id}`))
    expect(response.headers.get('Content-Type')).toBe('application/json')
  })

  test('needs a title only: no description, not completed', async () => {
    const user = await aUser()
    const task = await answer(await user.api('POST', '/tasks', { title: 'canary' }), 201)
    expect(task).toMatchObject({ description: null, completed: false })
  })

  test('takes null for a description, and keeps an empty one apart from it', async () => {
    const user = await aUser()
    expect(await user.task({ description: null })).toMatchObject({ description: null })
    expect(await user.task({ description: '' })).toMatchObject({ description: '' })
  })

  test('trims the title and nothing else', async () => {
    const user = await aUser()
    const task = await user.task({ title: ' \t canary  milk\u3000\n', description: '  canary  ' })
    expect(task).toMatchObject({ title: 'canary  milk', description: '  canary  ' })
  })

  test('ignores members it does not know, and never stores them', async () => {
    const [user, other] = [await aUser(), await aUser()]
    const body = `{"title":"canary","id":1,"user_id":"${other.id}","version":7,"created_at":"2001-01-01T00:00:00.000Z",
      "canary":true,"__proto__":{"completed":true,"description":"canary"},"constructor":{"prototype":{}}}`
    const task = await answer(await user.api('POST', '/tasks', body), 201)
    expect(await sql`select version from tasks where id = ${task.id}`).toEqual([{ version: 1 }])
    expect(Object.keys(task)).toEqual([
      'id',
      'user_id',
      'title',
      'description',
      'completed',
      'created_at',
      'updated_at',
    ])
    expect(task).toMatchObject({ user_id: user.id, description: null, completed: false })
    expect(task.created_at > '2002').toBe(true)
    expect(await answer(await other.api('GET', '/tasks'), 200)).toEqual([])
  })

  test('does not take the members of a body from __proto__', async () => {
    const user = await aUser()
    const response = await user.api('POST', '/tasks', '{"__proto__":{"title":"canary"}}')
    const { errors } = await expectProblem(response, 400, 'validation_error')
    expect(errors).toEqual([{ field: 'title', message: 'Field required', code: 'missing' }])
  })
})

describe('GET /tasks/{id}', () => {
  test('answers 200 with the task as it was created, and a strong ETag', async () => {
    const user = await aUser()
    const task = await user.task({ description: 'canary "quoted" \\ \u2028 🐤' })
    const response = await user.api('GET', `/tasks/${task.id}`)
    expect(response.headers.get('ETag')).toMatch(/^"[!#-~]+"$/)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(await response.text()).toBe(JSON.stringify(task))
  })

  test('answers 404 for an id that no task has', async () => {
    const user = await aUser()
    await expectProblem(await user.api('GET', `/tasks/${NO_ID}`), 404, 'not_found')
  })
})

describe.each(['PUT', 'PATCH'])('%s /tasks/{id}', (method) => {
  test.each([
    { title: 'canary new' },
    { description: 'canary new' },
    { completed: true },
    { title: 'canary new', completed: true },
    { title: 'canary new', description: 'canary new', completed: true },
  ])('changes what is sent, keeps what is not: %o', async (changes) => {
    const user = await aUser()
    const id = await aRow(user.id, { description: 'canary old', created_at: '2020-01-02T03:04:05.678Z' })
    const before = await answer(await user.api('GET', `/tasks/${id}`), 200)

    const response = await user.api(method, `/tasks/${id}`, changes)
    expect(response.headers.get('ETag')).toBe(await etagOf(user.api, `/tasks/${id}`))
    expect(response.headers.get('Content-Type')).toBe('application/json')
    const text = await response.text()
    const after: Task = JSON.parse(text)
    expect(after).toEqual({ ...before, ...changes, updated_at: after.updated_at })
    expect(after.updated_at).toMatch(MOMENT)
    expect(Math.abs(Date.parse(after.updated_at) - Date.now())).toBeLessThan(30_000)
    expect(await (await user.api('GET', `/tasks/${id}`)).text()).toBe(text)
  })

  test('clears the description with null', async () => {
    const user = await aUser()
    const { id } = await user.task({ description: 'canary' })
    const task = await answer(await user.api(method, `/tasks/${id}`, { description: null }), 200)
    expect(task).toMatchObject({ title: 'canary title', description: null })
  })

  test('trims the title', async () => {
    const user = await aUser()
    const { id } = await user.task()
    const task = await answer(await user.api(method, `/tasks/${id}`, { title: '\u2003canary\u0085' }), 200)
    expect(task.title).toBe('canary')
  })

  test.each([
    { title: 'canary title' },
    { title: '  canary title ' },
    { description: 'canary old' },
    { completed: false },
    { title: 'canary title', description: 'canary old', completed: false },
  ])('changes nothing, not even updated_at, for values that are stored: %o', async (values) => {
    const user = await aUser()
    const moment = '2020-01-02T03:04:05.678Z'
    const id = await aRow(user.id, { description: 'canary old', created_at: moment })
    const before = await user.api('GET', `/tasks/${id}`)

    const response = await user.api(method, `/tasks/${id}`, values)
    expect(response.status).toBe(200)
    expect(response.headers.get('ETag')).toBe(before.headers.get('ETag'))
    expect(await response.text()).toBe(await before.text())
    expect(await sql`select version, updated_at = ${moment} as kept from tasks where id = ${id}`).toEqual([
      { version: 1, kept: true },
    ])
  })

  test('changes nothing when null clears a description that is not there', async () => {
    const user = await aUser()
    const id = await aRow(user.id, { created_at: '2020-01-02T03:04:05.678Z' })
    const tag = await etagOf(user.api, `/tasks/${id}`)
    const response = await user.api(method, `/tasks/${id}`, { description: null })
    expect(response.headers.get('ETag')).toBe(tag)
    expect((await answer(response, 200)).updated_at).toBe('2020-01-02T03:04:05.678Z')
  })

  test('ignores members it does not know beside one it does', async () => {
    const [user, other] = [await aUser(), await aUser()]
    const task = await user.task()
    const body = { id: NO_ID, user_id: other.id, created_at: null, version: 9, canary: [], completed: true }
    const after = await answer(await user.api(method, `/tasks/${task.id}`, body), 200)
    expect(after).toEqual({ ...task, completed: true, updated_at: after.updated_at })
  })

  test('answers 404 for an id that no task has', async () => {
    const user = await aUser()
    const response = await user.api(method, `/tasks/${NO_ID}`, { completed: true })
    await expectProblem(response, 404, 'not_found')
  })
})

describe('DELETE /tasks/{id}', () => {
  test('answers 204 without a body, then 404', async () => {
    const user = await aUser()
    const { id } = await user.task()
    const response = await user.api('DELETE', `/tasks/${id}`)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    expect(response.headers.has('Content-Type')).toBe(false)
    await expectProblem(await user.api('DELETE', `/tasks/${id}`), 404, 'not_found')
    await expectProblem(await user.api('GET', `/tasks/${id}`), 404, 'not_found')
  })
})

describe('POST /tasks/bulk-delete', () => {
  test('answers in the order of the request, and counts duplicates once', async () => {
    const user = await aUser()
    const ids: number[] = []
    for (let i = 0; i < 4; i += 1) ids.push(await aRow(user.id))
    const [a, b, c, kept] = ids as [number, number, number, number]
    const [gone, never] = [NO_ID, NO_ID - 1]
    const body = { task_ids: [c, gone, a, c, never, gone, b, a] }
    const response = await user.api('POST', '/tasks/bulk-delete', body)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(await response.text()).toBe(`{"deleted":[${c},${a},${b}],"not_found":[${gone},${never}]}`)

    const list = await answer<Task[]>(await user.api('GET', '/tasks'), 200)
    expect(list.map(({ id }) => id)).toEqual([kept])
    expect(await answer<unknown>(await user.api('POST', '/tasks/bulk-delete', body), 200)).toEqual({
      deleted: [],
      not_found: [c, gone, a, never, b],
    })
  })

  test("finds no task of another user's, and leaves it alone", async () => {
    const [user, other] = [await aUser(), await aUser()]
    const mine = await aRow(user.id)
    const theirs = await aRow(other.id)
    const response = await user.api('POST', '/tasks/bulk-delete', { task_ids: [theirs, mine] })
    expect(await answer<unknown>(response, 200)).toEqual({ deleted: [mine], not_found: [theirs] })
    expect((await other.api('GET', `/tasks/${theirs}`)).status).toBe(200)
  })

  test('deletes a thousand at once', async () => {
    const user = await aUser()
    const rows = await sql`insert into tasks (user_id, title)
      select ${user.id}, 'canary ' || n from generate_series(1, 1000) as n returning id`
    const task_ids = rows.map(({ id }) => Number(id)).reverse()
    const response = await user.api('POST', '/tasks/bulk-delete', { task_ids })
    expect(await answer<unknown>(response, 200)).toEqual({ deleted: task_ids, not_found: [] })
  })

  test('ignores members it does not know', async () => {
    const user = await aUser()
    const [mine, kept] = [await aRow(user.id), await aRow(user.id)]
    const body = { task_ids: [mine], ids: [kept], user_id: user.id }
    const response = await user.api('POST', '/tasks/bulk-delete', body)
    expect(await answer<unknown>(response, 200)).toEqual({ deleted: [mine], not_found: [] })
  })
})

test.each([
  ['GET', '/tasks', undefined],
  ['POST', '/tasks', { title: 'canary' }],
  ['GET', '/tasks/{id}', undefined],
  ['PUT', '/tasks/{id}', { completed: true }],
  ['PATCH', '/tasks/{id}', { completed: true }],
  ['DELETE', '/tasks/{id}', undefined],
  ['POST', '/tasks/bulk-delete', { task_ids: [1] }],
])('%s %s of a user whom the isolate knows is one statement and one charge', async (method, path, body) => {
  const user = await aUser()
  const { id } = await user.task()
  const call = () => user.api(method, path.replace('{id}', `${id}`), body)
  expect(await trips(call)).toEqual({ database: 1, redis: 1 })
})
