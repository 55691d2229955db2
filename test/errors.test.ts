import { afterAll, describe, expect, test } from 'vitest'
import { app } from '../src/app.ts'
import { apiWith, envWith } from './faults.ts'
import { beyondCounting } from './statuses.ts'
import { aRow, aUser, client, expectProblem, sql } from './support.ts'
import { logged } from './watch.ts'

const MAX_BYTES = 64 * 1024

describe('405, with Allow (RFC 9110 §15.5.6), from', () => {
  const read = ['GET', 'HEAD', 'OPTIONS']
  test.each<[path: string, allowed: string[]]>([
    ['/', read],
    ['/health', read],
    ['/health/ready', read],
    ['/tasks', [...read, 'POST']],
    ['/tasks/1', [...read, 'PUT', 'PATCH', 'DELETE']],
    ['/tasks/bulk-delete', ['POST', 'OPTIONS']],
  ])('%s for every method but %o', async (path, allowed) => {
    const api = client()
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']
    const others = methods.filter((method) => !allowed.includes(method))
    expect(others.length).toBeGreaterThan(0)
    for (const method of others) {
      for (const each of path === '/' ? ['/'] : [path, `${path}/`]) {
        const response = await api(method, each)
        expect(response.headers.get('Allow')?.split(', ').sort(), `${method} ${each}`).toEqual(
          [...allowed].sort(),
        )
        const problem = await expectProblem(response, 405, 'method_not_allowed')
        expect(problem.title).toBe('Method not allowed')
      }
    }
  })

  test('HEAD of a path without GET', async () => {
    const response = await client()('HEAD', '/tasks/bulk-delete')
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')?.split(', ').sort()).toEqual(['OPTIONS', 'POST'])
    expect(await response.text()).toBe('')
  })
})

describe('404 from', () => {
  test.each([
    '/canary',
    '/task',
    '/Tasks',
    '/tasksx',
    '/tasks/1/2',
    '/tasks/bulk-delete/1',
    '/api/tasks',
    '/health/live',
    '/.env',
    '/tasks%2F1',
    '/%00',
  ])('%s, by any method', async (path) => {
    const api = client()
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const response = await api(method, path)
      expect(response.headers.has('Allow')).toBe(false)
      const problem = await expectProblem(response, 404, 'not_found')
      expect(problem.title).toBe('Resource not found')
    }
  })
})

describe('every problem', () => {
  test('names its path as the instance, without the query', async () => {
    const user = await aUser()
    const list = await expectProblem(await user.api('GET', '/tasks?limit=canary'), 400, 'validation_error')
    expect(list.instance).toBe('/tasks')
    const task = await expectProblem(await user.api('GET', '/tasks/9007199254740991'), 404, 'not_found')
    expect(task.instance).toBe('/tasks/9007199254740991')
  })

  test('says when', async () => {
    const { timestamp } = await expectProblem(await client()('GET', '/canary'), 404, 'not_found')
    expect(Math.abs(Date.parse(timestamp) - Date.now())).toBeLessThan(30_000)
  })

  // RFC 9457 §3.1.5, RFC 3986 §2: a URI reference has no other characters.
  test.each(['/canary/%F0%9F%90%A4', '/tasks/%22', '/canary%20canary', '/canary%0A', '/%5B%5D'])(
    'has a URI reference for an instance at %s',
    async (path) => {
      const user = await aUser()
      const { instance }: { instance: string } = await (await user.api('GET', path)).json()
      expect(instance).toBe(path)
    },
  )
})

describe('413', () => {
  const padded = (size: number) => '{"title":"canary"}'.padEnd(size)
  /** A body whose length nobody says beforehand. */
  const stream = (size: number, chunk = 4096) => {
    const bytes = new TextEncoder().encode(padded(size))
    let sent = 0
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(bytes.slice(sent, sent + chunk))
        sent += chunk
        if (sent >= size) controller.close()
      },
    })
  }

  test.each([
    ['POST', '/tasks', 'application/json'],
    ['POST', '/tasks/bulk-delete', 'application/json'],
    ['PUT', '/tasks/1', 'application/json'],
    ['PATCH', '/tasks/1', 'application/merge-patch+json'],
    ['POST', '/tasks', 'text/plain'],
  ])('for %s %s of %s over 64 KiB, by length and by stream', async (method, path, type) => {
    const user = await aUser()
    for (const body of [padded(MAX_BYTES + 1), stream(MAX_BYTES + 1), stream(20 * MAX_BYTES, 50_000)]) {
      const response = await user.api(method, path, body, { 'Content-Type': type })
      const problem = await expectProblem(response, 413, 'payload_too_large')
      expect(problem.title).toBe('Payload too large')
    }
  })

  test('by the length it names, before the body is there', async () => {
    const user = await aUser()
    const response = await user.api('POST', '/tasks', '{"title":"canary"}', {
      'Content-Length': `${MAX_BYTES + 1}`,
    })
    await expectProblem(response, 413, 'payload_too_large')
  })

  test('not for a body of exactly 64 KiB, by length and by stream', async () => {
    const user = await aUser()
    for (const body of [padded(MAX_BYTES), stream(MAX_BYTES), stream(MAX_BYTES, 999)]) {
      expect((await user.api('POST', '/tasks', body)).status).toBe(201)
    }
  })

  test('stores nothing', async () => {
    const user = await aUser()
    await user.api('POST', '/tasks', padded(MAX_BYTES + 1))
    await user.api('POST', '/tasks', stream(MAX_BYTES + 1))
    expect(await (await user.api('GET', '/tasks')).json()).toEqual([])
  })
})

describe('415', () => {
  const forms: [method: string, path: string][] = [
    ['POST', '/tasks'],
    ['POST', '/tasks/bulk-delete'],
    ['PUT', '/tasks/{id}'],
    ['PATCH', '/tasks/{id}'],
  ]
  const BODY = '{"title":"canary new","task_ids":[9007199254740991]}'
  const TYPES = [
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=canary',
    'application/octet-stream',
    'application/jsonp',
    'application/json-patch+json',
    'application/problem+json',
    'application/vnd.api+json',
    'canary',
    'application/json, application/json',
    'application/merge-patch+json; canary',
    ';application/json',
  ]

  test.each(forms)('for %s %s of another type', async (method, path) => {
    const user = await aUser()
    const id = await aRow(user.id)
    for (const type of TYPES) {
      if (method === 'PATCH' && type.startsWith('application/merge-patch+json')) continue
      const response = await user.api(method, path.replace('{id}', `${id}`), BODY, { 'Content-Type': type })
      expect(response.status, type).toBe(415)
      const problem = await expectProblem(response, 415, 'unsupported_media_type')
      expect(problem.title).toBe('Unsupported media type')
      // RFC 5789 §2.2
      expect(response.headers.get('Accept-Patch')).toBe(
        method === 'PATCH' ? 'application/json, application/merge-patch+json' : null,
      )
    }
    expect(await sql`select title from tasks where user_id = ${user.id}`).toEqual([{ title: 'canary title' }])
  })

  test.each(forms)('for a body of no type in %s %s', async (method, path) => {
    const user = await aUser()
    const id = await aRow(user.id)
    // Bytes, because text would get a type of its own.
    const bytes = new TextEncoder().encode(BODY)
    const request = new Request(`https://api.test${path.replace('{id}', `${id}`)}`, {
      method,
      headers: { Authorization: `Bearer ${user.token}` },
      body: bytes,
    })
    expect(request.headers.has('Content-Type')).toBe(false)
    await expectProblem(await app.fetch(request, envWith({})), 415, 'unsupported_media_type')
  })

  test.each(forms)('not for JSON, however it is written, in %s %s', async (method, path) => {
    const user = await aUser()
    const id = await aRow(user.id)
    const types = [
      'application/json',
      'application/json; charset=utf-8',
      'application/json;charset=UTF-8',
      'application/json ; charset="utf-8"',
      'application/json;',
      'Application/JSON',
    ]
    if (method === 'PATCH')
      types.push('application/merge-patch+json', 'Application/Merge-Patch+JSON; charset=utf-8')
    for (const type of types) {
      const response = await user.api(method, path.replace('{id}', `${id}`), BODY, { 'Content-Type': type })
      expect(response.ok, `${type}: ${await response.clone().text()}`).toBe(true)
    }
  })

  test('a body that is not there is no JSON, whatever its type is not', async () => {
    const user = await aUser()
    const request = new Request('https://api.test/tasks', {
      method: 'POST',
      headers: { Authorization: `Bearer ${user.token}` },
    })
    const { errors } = await expectProblem(await app.fetch(request, envWith({})), 400, 'validation_error')
    expect(errors).toEqual([{ field: 'body', message: 'Body is not valid JSON', code: 'json_invalid' }])
  })
})

/** Routes that fail in every way there is; the reasons are canaries. */
const reasons: Record<string, () => Promise<Response>> = {
  'an Error': () => Promise.reject(new Error('canary reason')),
  'an Error whose message looks like a stack': () =>
    Promise.reject(new Error('canary\n    at canary reason')),
  'a TypeError with a cause': () => Promise.reject(new TypeError('canary', { cause: { canary: 1 } })),
  'an Error with a status': () => Promise.reject(Object.assign(new Error('canary reason'), { status: 418 })),
  'a Response': () => Promise.reject(new Response('canary reason', { status: 418 })),
  'a string': () => Promise.reject('canary reason'),
  'an object': () => Promise.reject({ message: 'canary reason', status: 200 }),
  null: () => Promise.reject(null),
  undefined: () => Promise.reject(undefined),
}
// The next file of this isolate finds the app's own alone.
const { length } = app.routes
afterAll(() => void app.routes.splice(length))
for (const [index, fail] of Object.values(reasons).entries()) app.get(`/canary-${index}`, fail)

/** Routes that fail with a stack of these frames, after a message, and after a line, that look like more of them. */
const stacks: Record<string, string[] | undefined> = {
  '/canary-stack': Array.from({ length: 12 }, (_, i) => `at frame${i} (file.ts:${i}:1)`),
  '/canary-no-stack': undefined,
}
for (const [path, frames] of Object.entries(stacks)) {
  const message = 'canary\n    at canary reason'
  const stack =
    frames && [`Error: ${message}`, 'not    at canary', ...frames.map((at) => `    ${at}`)].join('\n')
  app.get(path, () => Promise.reject(Object.assign(new Error(message), { stack })))
}

describe('500', () => {
  test.each(Object.keys(reasons).map((what, index) => [what, index] as const))(
    'for %s that is thrown, without a word of the reason',
    async (_, index) => {
      const responses: Response[] = []
      const lines = await logged(async () => {
        responses.push(await apiWith(envWith({}))('GET', `/canary-${index}`))
      })
      const [response] = responses as [Response]
      const text = await response.clone().text()
      const problem = await expectProblem(response, 500, 'internal_error')
      expect(problem).toMatchObject({
        title: 'Internal server error',
        detail: 'An unexpected error occurred',
        instance: `/canary-${index}`,
      })
      expect(text).not.toContain('reason')
      expect(lines.join('\n')).not.toContain('reason')
      const line = lines.map((each) => JSON.parse(each)).find(({ event }) => event === 'request')
      expect(line).toMatchObject({ level: 'error', status: 500, request_id: problem.request_id })
      expect(line.error).toEqual(expect.any(String))
    },
  )

  test.each(Object.keys(stacks))(
    'with the frames of its stack in the log, eight at most: %s',
    async (path) => {
      const lines = await logged(async () => {
        await expectProblem(await apiWith(envWith({}))('GET', path), 500, 'internal_error')
      })
      const frames = (stacks[path] ?? []).slice(0, 8)
      expect(JSON.parse(lines[0] as string)).toMatchObject({ error: 'Error', frames })
    },
  )

  test('for an error of the database that is our own, with its SQLSTATE in the log', async () => {
    const user = await aUser()
    const id = await aRow(user.id)
    await beyondCounting(id)
    const responses: Response[] = []
    const lines = await logged(async () => {
      responses.push(await user.api('PATCH', `/tasks/${id}`, { title: 'canary overflow' }))
    })
    const [response] = responses as [Response]
    const { detail, request_id } = await expectProblem(response, 500, 'internal_error')
    expect(detail).toBe('An unexpected error occurred')
    const line = lines.map((each) => JSON.parse(each)).find((each) => each.request_id === request_id)
    expect(JSON.stringify(line)).toContain('22003')
  })
})

describe('503', () => {
  test.each(['GET', 'HEAD'])('for %s without a database, and when to come back', async (method) => {
    const user = await aUser()
    const response = await apiWith(envWith({ neon: 'refused' }), user.token)(method, '/tasks')
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
    if (method === 'HEAD') return expect(await response.text()).toBe('')
    const problem = await expectProblem(response, 503, 'service_unavailable')
    expect(problem.title).toBe('Service unavailable')
    expect(problem.detail).not.toMatch(/canary|postgres|neon|127\.0\.0\.1/i)
  })

  test.each([
    ['POST', '/tasks', { title: 'canary' }, 'insert'],
    ['PUT', '/tasks/1', { completed: true }, 'update'],
    ['PATCH', '/tasks/1', { completed: true }, 'update'],
    ['DELETE', '/tasks/1', undefined, 'delete'],
    ['POST', '/tasks/bulk-delete', { task_ids: [1] }, 'delete'],
  ])('for %s %s whose outcome is unknown, which says so', async (method, path, body, word) => {
    const user = await aUser()
    const response = await apiWith(envWith({ neon: `reset,on=${word}` }), user.token)(method, path, body)
    const problem = await expectProblem(response, 503, 'service_unavailable')
    expect(response.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
    expect(problem.detail).toContain('may or may not have taken effect')
  })

  test.concurrent.each([
    ['a length', 27],
    ['no length', undefined],
  ])(
    'not for a body of %s that is under way for some of the time that the database may take',
    async (_, length) => {
      const parts = ['{"title"', ':"canary ', 'at last"} ', undefined]
      const slow = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1_000))
          const part = parts.shift()
          if (part === undefined) controller.close()
          else controller.enqueue(new TextEncoder().encode(part))
        },
      })
      const { token } = await aUser()
      const body = length === undefined ? slow : slow.pipeThrough(new FixedLengthStream(length))
      const response = await apiWith(envWith({ neon: 'delay,ms=6000,on=insert' }), token)(
        'POST',
        '/tasks',
        body,
      )
      expect(response.status).toBe(201)
    },
  )
})
