import { describe, expect, test } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { statuses } from './statuses.ts'
import { aRow, aUser, client, expectProblem } from './support.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe.each(statuses)('%i (%s)', (status, what, request) => {
  test('carries the security headers, and what caches may do', async () => {
    const response = await request({})
    await response.body?.cancel()
    const { headers } = response
    expect(response.status).toBe(status)
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    expect(headers.has('Strict-Transport-Security')).toBe(false)
    expect(headers.get('X-Request-Id')).toMatch(UUID)
    const kept = status === 304 || what.startsWith('a list')
    expect(headers.get('Cache-Control')).toBe(kept ? 'private, no-cache' : 'no-store')
    if (kept) expect(headers.get('Vary')?.split(/, */)).toContain('Authorization')
  })

  test("carries the caller's own request id", async () => {
    const response = await request({ 'X-Request-Id': 'canary_id-1' })
    expect(response.status).toBe(status)
    expect(response.headers.get('X-Request-Id')).toBe('canary_id-1')
    const text = await response.text()
    if (status >= 400) expect(JSON.parse(text)).toMatchObject({ request_id: 'canary_id-1' })
  })
})

test('a preflight carries them too', async () => {
  const headers = { Origin: 'http://localhost:3000', 'Access-Control-Request-Method': 'POST' }
  const response = await client()('OPTIONS', '/tasks', undefined, headers)
  expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(response.headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'")
  expect(response.headers.get('Referrer-Policy')).toBe('no-referrer')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(response.headers.get('X-Request-Id')).toMatch(UUID)
})

describe('X-Request-Id', () => {
  test.each(['a', '-', '_', '0', 'Canary-1_2', 'c'.repeat(128)])(
    'is %s, as the caller sent it',
    async (id) => {
      const response = await client()('GET', '/health', undefined, { 'X-Request-Id': id })
      expect(response.headers.get('X-Request-Id')).toBe(id)
    },
  )

  test.each([
    '',
    'canary canary',
    'canary.1',
    'canary:1',
    '<canary>',
    'canary"',
    'canary,canary',
    'c'.repeat(129),
  ])('is a UUID for %s', async (id) => {
    const response = await client()('GET', '/canary', undefined, { 'X-Request-Id': id })
    expect(response.headers.get('X-Request-Id')).toMatch(UUID)
    expect(await response.json()).toMatchObject({ request_id: response.headers.get('X-Request-Id') })
  })

  test('is another one for each request', async () => {
    const ids = [await client()('GET', '/health'), await client()('GET', '/health')].map(({ headers }) =>
      headers.get('X-Request-Id'),
    )
    expect(ids[0]).not.toBe(ids[1])
  })
})

// RFC 6797 §6.1
test.each(['staging', 'production'])(
  'Strict-Transport-Security stands on every status in %s',
  async (name) => {
    const bindings = envWith({
      ENVIRONMENT: name,
      NEON_FETCH_ENDPOINT: '',
      UPSTASH_REDIS_REST_URL: 'https://127.0.0.1:1',
      CORS_ORIGINS: 'https://canary.example',
    })
    const user = await aUser()
    const api = apiWith(bindings, user.token)
    const responses = [
      await api('GET', '/tasks'),
      await api('POST', '/tasks', {}),
      await api('GET', '/health'),
      await api('OPTIONS', '/tasks'),
      await apiWith(bindings)('GET', '/tasks'),
      await apiWith(bindings)('GET', '/canary'),
      await apiWith({ ...bindings, SESSION_HASH_SECRET: 'short' })('GET', '/tasks'),
    ]
    expect(responses.map(({ status }) => status)).toEqual([200, 400, 200, 204, 401, 404, 503])
    for (const { headers } of responses) {
      const [, age] = /^max-age=(\d+)(;|$)/.exec(headers.get('Strict-Transport-Security') ?? '') ?? []
      expect(Number(age)).toBeGreaterThanOrEqual(31_536_000)
    }
  },
)

test('a task and a list may be kept by the caller alone, and asked about each time', async () => {
  const user = await aUser()
  const { id } = await user.task()
  for (const path of ['/tasks', `/tasks/${id}`, `/tasks/${id}/`, '/tasks?completed=true']) {
    const { headers } = await user.api('GET', path)
    expect(headers.get('Cache-Control')).toBe('private, no-cache')
    expect(headers.get('Vary')?.split(/, */).sort()).toEqual(['Authorization', 'Origin'])
  }
})

describe('HEAD', () => {
  /** What two answers to the same question may differ in. */
  const same = ({ headers }: Response) =>
    [...headers].filter(([name]) => !/^(x-request-id|content-length|(x-)?ratelimit.*)$/.test(name))

  test.each(['/', '/health', '/health/ready', '/canary', '/tasks', '/tasks/1'])(
    '%s without a session is GET without the body',
    async (path) => {
      const [get, head] = [await client()('GET', path), await client()('HEAD', path)]
      expect(head.status).toBe(get.status)
      expect(same(head)).toEqual(same(get))
      expect((await get.text()).length).toBeGreaterThan(0)
      expect(await head.text()).toBe('')
    },
  )

  test.each([
    '/tasks',
    '/tasks?limit=1',
    '/tasks/',
    '/tasks/{id}',
    '/tasks/{id}/',
    '/tasks/0',
    '/tasks?limit=0',
  ])('%s with one is GET without the body', async (path) => {
    const user = await aUser()
    const { id } = await user.task()
    await aRow(user.id)
    const real = path.replace('{id}', `${id}`)
    const [get, head] = [await user.api('GET', real), await user.api('HEAD', real)]
    expect(head.status).toBe(get.status)
    expect(same(head)).toEqual(same(get))
    expect((await get.text()).length).toBeGreaterThan(0)
    expect(await head.text()).toBe('')
  })
})

describe('a trailing slash is the same resource:', () => {
  test('two are not', async () => {
    const user = await aUser()
    const { id } = await user.task()
    for (const path of ['/tasks//', `/tasks/${id}//`, `/tasks//${id}`, '//tasks', '/health//']) {
      await expectProblem(await user.api('GET', path), 404, 'not_found')
    }
    await expectProblem(await user.api('POST', '/tasks//', { title: 'canary' }), 404, 'not_found')
    await expectProblem(await user.api('DELETE', `/tasks/${id}//`), 404, 'not_found')
    await expectProblem(await user.api('DELETE', '/tasks//'), 404, 'not_found')
    await expectProblem(await user.api('POST', '/tasks/bulk-delete//', { task_ids: [id] }), 404, 'not_found')
  })

  test.each(['/health', '/health/ready', '/canary'])('GET %s/', async (path) => {
    const [bare, slashed] = [await client()('GET', path), await client()('GET', `${path}/`)]
    expect(slashed.status).toBe(bare.status)
    expect(Object.keys(await slashed.json())).toEqual(Object.keys(await bare.json()))
  })

  test('every route of /tasks', async () => {
    const user = await aUser()
    const created = await user.api('POST', '/tasks/', { title: 'canary' })
    expect(created.status).toBe(201)
    const { id }: { id: number } = await created.json()
    expect(created.headers.get('Location')).toBe(`/tasks/${id}`)
    const list = await user.api('GET', '/tasks/?limit=1')
    expect(await list.json()).toMatchObject([{ id }])
    expect((await user.api('GET', `/tasks/${id}/`)).status).toBe(200)
    expect((await user.api('PUT', `/tasks/${id}/`, { completed: true })).status).toBe(200)
    expect((await user.api('PATCH', `/tasks/${id}/`, { completed: false })).status).toBe(200)
    expect((await user.api('DELETE', `/tasks/${id}/`)).status).toBe(204)
    const bulk = await user.api('POST', '/tasks/bulk-delete/', { task_ids: [id] })
    expect(await bulk.json()).toEqual({ deleted: [], not_found: [id] })
    const refused = await user.api('DELETE', '/tasks/')
    expect(refused.status).toBe(405)
    expect(refused.headers.get('Allow')).toBe((await user.api('DELETE', '/tasks')).headers.get('Allow'))
  })
})
