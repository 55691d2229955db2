import { exports } from 'cloudflare:workers'
import { hc, type InferRequestType, type InferResponseType } from 'hono/client'
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  NoAnswer,
  NotTheApi,
  newKey,
  type Options,
  Refused,
  SignedOut,
  type Tagged,
  tasksClient,
} from '../client/src/index.ts'
import type { AppType } from '../src/app.ts'
import type { FieldError } from '../src/problem.ts'
import { aToken, aUser, sql, type Task } from './support.ts'

const url = 'https://api.test'
type Fetch = typeof globalThis.fetch
const fetch: Fetch = (input, init) => exports.default.fetch(new Request(input, init))

/** A client on a way where each request in turn meets a fault, until there are no more; notes what was sent. */
function clientOf(token: string | undefined, faults: ((answer: () => Promise<Response>) => unknown)[] = []) {
  const sent: { method: string; key: string | null; authorization: string | null }[] = []
  const waits: { seconds: number; status: number }[] = []
  const left = [...faults]
  const options: Options = {
    url,
    token: () => token,
    onWait: (seconds, status) => waits.push({ seconds, status }),
    async fetch(input, init) {
      const { method, headers } = new Request(input, init)
      sent.push({ method, key: headers.get('Idempotency-Key'), authorization: headers.get('Authorization') })
      const pass = () => fetch(input, init)
      return (await (left.shift() ?? pass)(pass)) as Response
    },
  }
  return { api: tasksClient(options), options, sent, waits }
}

const cut = () => {
  throw new TypeError('Failed to fetch')
}
/** The API does its work, and nobody hears of it. */
const lost = async (answer: () => Promise<Response>) => {
  await answer()
  cut()
}
const cutInHalf = async (answer: () => Promise<Response>) => {
  const response = await answer()
  const text = await response.text()
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text.slice(0, text.length / 2)))
      controller.error(new TypeError('network error'))
    },
  })
  return new Response(broken, response)
}
const says = (status: number, headers: Record<string, string>, body = '') => {
  return () => new Response(body, { status, headers })
}
const page = says(502, { 'Content-Type': 'text/html' }, '<html><h1>502 Bad Gateway</h1></html>')
const problem = { 'Content-Type': 'application/problem+json' }
const busy = (retryAfter?: string) =>
  says(
    429,
    { ...problem, ...(retryAfter !== undefined && { 'Retry-After': retryAfter }) },
    '{"type":"rate_limit_exceeded","status":429}',
  )
const unavailable = says(503, { ...problem, 'Retry-After': '0' }, '{"status":503}')

async function all(api: ReturnType<typeof tasksClient>): Promise<Task[]> {
  const tasks: Task[] = []
  for await (const task of api.list()) tasks.push(task)
  return tasks
}

const titles = async (api: ReturnType<typeof tasksClient>) => (await all(api)).map(({ title }) => title)

describe('the client', () => {
  test('has every operation on tasks', async () => {
    const { token } = await aUser()
    const { api } = clientOf(token)
    const { task, etag } = await api.create({ title: 'canary client', description: 'canary' })
    expect(await api.get(task.id)).toEqual({ task, etag })
    const changed = await api.update(task.id, { completed: true, description: null }, { etag })
    expect(changed.task).toMatchObject({ id: task.id, completed: true, description: null })
    expect(await api.page({ completed: true })).toEqual({ tasks: [changed.task] })
    expect(await api.page({ completed: false })).toEqual({ tasks: [] })
    await api.remove(task.id, { etag: changed.etag })
    const other = await api.create({ title: 'canary client' })
    const removed = await api.removeMany([other.task.id, task.id])
    expect(removed).toEqual({ deleted: [other.task.id], not_found: [task.id] })
  })

  test('hands out the tag of a task and takes it: of two editors one is told', async () => {
    const { token } = await aUser()
    const { api } = clientOf(token)
    const { task, etag } = await api.create({ title: 'canary client' })
    await api.update(task.id, { title: 'canary first' }, { etag })
    const second = api.update(task.id, { title: 'canary second' }, { etag })
    await expect(second).rejects.toMatchObject({ problem: { status: 412 }, sentBefore: false })
    await expect(api.remove(task.id, { etag })).rejects.toMatchObject({ problem: { status: 412 } })
    expect((await api.get(task.id)).task.title).toBe('canary first')
  })

  test('says what does not fit', async () => {
    const { token } = await aUser()
    const create = clientOf(token).api.create({ title: ' ' })
    await expect(create).rejects.toThrow(Refused)
    await expect(create).rejects.toMatchObject({ problem: { errors: [{ field: 'title' }] } })
  })
})

describe('a list of 1,200 tasks', () => {
  test('comes whole, each task once, and page by page', async () => {
    const { id, token } = await aUser()
    await sql`insert into tasks (user_id, title) select ${id}, 'canary ' || n from generate_series(1, 1200) n`
    const { api, sent } = clientOf(token)
    const ids = (await all(api)).map((task) => task.id)
    expect([ids.length, new Set(ids).size, sent.length]).toEqual([1200, 1200, 2])

    const first = await api.page({ limit: 500 })
    const second = await api.page({ limit: 500, cursor: first.cursor })
    const third = await api.page({ limit: 500, cursor: second.cursor })
    const pages = [first, second, third].flatMap(({ tasks }) => tasks.map((task) => task.id))
    expect(pages).toEqual(ids)
    expect(third.cursor).toBeUndefined()
  })

  test('is asked for no further than it is read', async () => {
    const { id, token } = await aUser()
    await sql`insert into tasks (user_id, title) select ${id}, 'canary ' || n from generate_series(1, 30) n`
    const { api, sent } = clientOf(token)
    for await (const task of api.list({ limit: 10 })) {
      expect(task.user_id).toBe(id)
      break
    }
    expect(sent).toHaveLength(1)
  })
})

describe('create makes one task', () => {
  test.each([
    ['the network fails before the API is reached', [cut]],
    ['an answer is lost', [lost]],
    ['an answer breaks off in the middle', [cutInHalf]],
    ['the API is unavailable', [unavailable]],
    ['a gateway answers with a page of HTML', [page]],
    ['the budget is spent', [busy('0')]],
    ['all of that happens in turn', [lost, page, busy('0'), unavailable]],
  ])('when %s', async (_, faults) => {
    const { token } = await aUser()
    const { api, sent } = clientOf(token, faults)
    const { task } = await api.create({ title: 'canary once' })
    expect(sent).toHaveLength(faults.length + 1)
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1)
    expect(await all(api)).toEqual([task])
  })

  test('when no answer comes at all, and a person clicks again', async () => {
    const { token } = await aUser()
    const { api, options } = clientOf(token, [lost, cut, cut])
    const impatient = tasksClient({ ...options, maxWait: 1 })
    await expect(impatient.create({ title: 'canary once' })).rejects.toThrow(NoAnswer)
    await impatient.create({ title: 'canary once' })
    expect(await titles(api)).toEqual(['canary once'])
  })

  test('when the page is loaded again, with the key that was kept', async () => {
    const { token } = await aUser()
    const key = newKey()
    const before = tasksClient({ ...clientOf(token, [lost]).options, maxWait: 0 })
    await expect(before.create({ title: 'canary once' }, { key })).rejects.toThrow(NoAnswer)
    const { api } = clientOf(token)
    await api.create({ title: 'canary once' }, { key })
    expect(await titles(api)).toEqual(['canary once'])
  })

  test('for each call: two that were answered are two', async () => {
    const { token } = await aUser()
    const { api } = clientOf(token)
    await api.create({ title: 'canary twice' })
    await api.create({ title: 'canary twice' })
    expect(await titles(api)).toEqual(['canary twice', 'canary twice'])
  })
})

describe('after a lost answer', () => {
  const arranged = async (faults: Parameters<typeof clientOf>[1]) => {
    const { token, task } = await aUser()
    const { id } = await task()
    const { etag } = await clientOf(token).api.get(id)
    return { id, etag, direct: clientOf(token).api, ...clientOf(token, faults) }
  }

  test('an update that was done is no conflict with itself', async () => {
    const { api, id, etag, direct, sent } = await arranged([lost])
    const changed: Tagged = await api.update(id, { title: ' canary changed ' }, { etag })
    expect(changed).toEqual(await direct.get(id))
    expect(changed.task.title).toBe('canary changed')
    expect(sent.map(({ method }) => method)).toEqual(['PATCH', 'PATCH', 'GET'])
  })

  test('an update that somebody else was faster than is a conflict', async () => {
    const faster = async () => {
      await direct.update(id, { title: 'canary faster' })
      cut()
    }
    const { api, id, etag, direct } = await arranged([faster])
    const update = api.update(id, { title: 'canary slower' }, { etag })
    await expect(update).rejects.toMatchObject({ problem: { status: 412 }, sentBefore: true })
    expect((await direct.get(id)).task.title).toBe('canary faster')
  })

  test('a task that was removed is removed', async () => {
    const { api, id, etag, direct } = await arranged([lost])
    await api.remove(id, { etag })
    await expect(direct.get(id)).rejects.toMatchObject({ problem: { status: 404 } })
  })

  test('but one that was never there was not', async () => {
    const { direct, id } = await arranged([])
    await direct.remove(id)
    await expect(direct.remove(id)).rejects.toMatchObject({ problem: { status: 404 } })
  })
})

describe('a 429 is waited for', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString()

  test('as many seconds as it says', async () => {
    const { token } = await aUser()
    const { api, waits, sent } = clientOf(token, [busy('1')])
    const started = performance.now()
    await api.page()
    expect(performance.now() - started).toBeGreaterThanOrEqual(990)
    expect([waits, sent.length]).toEqual([[{ seconds: 1, status: 429 }], 2])
  })

  test('until the date that it says', async () => {
    const { token } = await aUser()
    const { api, waits } = clientOf(token, [() => busy(inSeconds(3))()])
    await api.page()
    expect(waits).toMatchObject([{ status: 429 }])
    expect(waits[0]?.seconds).toBeGreaterThan(1)
    expect(waits[0]?.seconds).toBeLessThanOrEqual(3)
  })

  test.each([
    ['a date that is past', inSeconds(-60), 0],
    ['nothing', undefined, 1],
    ['what nobody understands', 'soon', 1],
  ])('a moment, when it says %s', async (_, retryAfter, seconds) => {
    const { token } = await aUser()
    const { api, waits } = clientOf(token, [busy(retryAfter)])
    await api.page()
    expect(waits).toHaveLength(1)
    expect(waits[0]?.seconds).toBeLessThanOrEqual(seconds)
  })

  test('no longer than the caller has patience for', async () => {
    const { token } = await aUser()
    const { api, sent, waits } = clientOf(token, [busy('86400')])
    await expect(api.page()).rejects.toMatchObject({ problem: { status: 429 } })
    expect([sent.length, waits]).toEqual([1, []])
  })

  test('unless the caller gives up', async () => {
    const { token } = await aUser()
    const { api, sent } = clientOf(token, [busy('30')])
    const signal = AbortSignal.timeout(100)
    await expect(api.page({}, { signal })).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(sent).toHaveLength(1)
  })
})

describe('what is not an answer of the API', () => {
  test('is an error of its own, with what it said', async () => {
    const { token } = await aUser()
    const { options } = clientOf(token, [page])
    const error = await tasksClient({ ...options, maxWait: 0 })
      .page()
      .catch((error) => error)
    expect(error).toBeInstanceOf(NotTheApi)
    expect(error).toMatchObject({ status: 502, text: expect.stringContaining('Bad Gateway') })
  })

  test.each([
    [
      'a page with a 200',
      says(200, { 'Content-Type': 'text/html' }, '<html>Sign in to the hotel</html>'),
      200,
    ],
    [
      'a refusal in words of its own',
      says(403, { 'Content-Type': 'text/html' }, '<html>Blocked</html>'),
      403,
    ],
    ['a sign-in of its own', says(401, { 'Content-Type': 'text/html' }, '<html>Who?</html>'), 401],
    ['JSON that is none', says(200, { 'Content-Type': 'application/json' }, '{"id":'), 200],
  ])('so is %s, which is not asked for again', async (_, answer, status) => {
    const { token } = await aUser()
    const { api, sent } = clientOf(token, [answer])
    await expect(api.page()).rejects.toMatchObject({ name: 'NotTheApi', status })
    expect(sent).toHaveLength(1)
  })

  test('an answer that takes too long is none', async () => {
    const { token } = await aUser()
    const { options } = clientOf(token)
    const slow: Fetch = (_, init) =>
      new Promise((__, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
    const api = tasksClient({ ...options, fetch: slow, timeout: 0.05, maxWait: 0 })
    await expect(api.page()).rejects.toThrow(NoAnswer)
  })
})

describe('a session that is over', () => {
  test('is told in one place, and thrown', async () => {
    const { options, sent } = clientOf(aToken())
    let told = 0
    const api = tasksClient({ ...options, onSignedOut: () => (told += 1) })
    await expect(api.page()).rejects.toThrow(SignedOut)
    expect([told, sent.length]).toEqual([1, 1])
  })

  test('is over without a token, before anything is sent', async () => {
    const { api, sent } = clientOf(undefined)
    await expect(api.create({ title: 'canary' })).rejects.toThrow(SignedOut)
    expect(sent).toEqual([])
  })

  test('is not over when there is a newer token', async () => {
    const { token } = await aUser()
    const { options, sent } = clientOf(undefined)
    const tokens = [aToken(), token]
    const api = tasksClient({ ...options, token: () => tokens.shift() ?? token })
    expect(await api.page()).toEqual({ tasks: [] })
    expect(sent).toHaveLength(2)
  })
})

describe('hc<AppType> knows', () => {
  const { index, health, tasks } = hc<AppType>(url)
  const task = tasks[':id']

  test('what each route takes', () => {
    expectTypeOf<InferRequestType<typeof tasks.$get>>().toEqualTypeOf<{
      query: { completed?: string | undefined; limit?: string | undefined; cursor?: string | undefined }
    }>()
    expectTypeOf<InferRequestType<typeof tasks.$post>['json']>().toEqualTypeOf<{
      title: string
      description?: string | null | undefined
      completed?: boolean | undefined
    }>()
    expectTypeOf<InferRequestType<typeof task.$patch>['json']>().toEqualTypeOf<{
      title?: string | undefined
      description?: string | null | undefined
      completed?: boolean | undefined
    }>()
    expectTypeOf<InferRequestType<typeof task.$put>>().toEqualTypeOf<InferRequestType<typeof task.$patch>>()
    expectTypeOf<InferRequestType<typeof task.$delete>>().toEqualTypeOf<{ param: { id: string } }>()
    expectTypeOf<InferRequestType<(typeof tasks)['bulk-delete']['$post']>>().toEqualTypeOf<{
      json: { task_ids: number[] }
    }>()
  })

  test('what each answers with', () => {
    expectTypeOf<InferResponseType<typeof tasks.$get, 200>>().toEqualTypeOf<Task[]>()
    expectTypeOf<InferResponseType<typeof tasks.$post, 201>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$get, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$put, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$patch, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$delete, 204>>().toEqualTypeOf<null>()
    expectTypeOf<InferResponseType<(typeof tasks)['bulk-delete']['$post'], 200>>().toEqualTypeOf<{
      deleted: number[]
      not_found: number[]
    }>()
    expectTypeOf<InferResponseType<typeof index.$get, 200>>().toHaveProperty('links')
    expectTypeOf<InferResponseType<typeof health.ready.$get, 503>>().toHaveProperty('status')
  })

  test('which problem comes with which status', () => {
    expectTypeOf<InferResponseType<typeof tasks.$post, 400>['errors']>().toEqualTypeOf<FieldError[]>()
    expectTypeOf<InferResponseType<typeof tasks.$get, 401>['type']>().toEqualTypeOf<'authentication_error'>()
    expectTypeOf<InferResponseType<typeof task.$get, 404>['status']>().toEqualTypeOf<404>()
    expectTypeOf<InferResponseType<typeof task.$patch, 429>['retry_after']>().toEqualTypeOf<number>()
  })

  test('nothing that is not there', () => {
    expectTypeOf(tasks).not.toHaveProperty('$delete')
    expectTypeOf<InferResponseType<typeof tasks.$get, 200>>().not.toBeAny()
    expectTypeOf<InferResponseType<typeof tasks.$post, 201>>().not.toBeAny()
    // @ts-expect-error: a title is text
    const body: InferRequestType<typeof tasks.$post>['json'] = { title: 1 }
    expect(body).toBeDefined()
  })
})
