import { describe, expect, test } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { statuses } from './statuses.ts'
import { client } from './support.ts'

const ORIGIN = 'http://localhost:3000'

const EXPOSED = [
  'Content-Type',
  'Retry-After',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'RateLimit-Policy',
  'RateLimit',
  'ETag',
  'Link',
  'X-Next-Cursor',
  'Location',
  'X-Request-Id',
  'Idempotency-Replayed',
]

const list = (header: string | null) => header?.split(/\s*,\s*/) ?? []
const sorted = (header: string | null) => list(header).sort()
const lower = (header: string | null) => list(header).map((name) => name.toLowerCase())

const preflight = (path: string, origin: string, method = 'POST') => ({
  path,
  headers: {
    Origin: origin,
    'Access-Control-Request-Method': method,
    'Access-Control-Request-Headers': 'authorization,content-type',
  },
})

describe.each(statuses)('%i (%s)', (status, _, request) => {
  test('lets a page of an allowed origin read it, and all its headers', async () => {
    const { headers, ...response } = await head(request({ Origin: ORIGIN }))
    expect(response.status).toBe(status)
    expect(headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(sorted(headers.get('Access-Control-Expose-Headers'))).toEqual([...EXPOSED].sort())
    expect(lower(headers.get('Vary')).filter((name) => name === 'origin')).toHaveLength(1)
  })

  test('names no origin to a page of another, and still says that it varies', async () => {
    const { headers } = await head(request({ Origin: 'http://localhost:3001' }))
    expect(headers.has('Access-Control-Allow-Origin')).toBe(false)
    expect(lower(headers.get('Vary'))).toContain('origin')
  })
})

async function head(pending: Promise<Response>) {
  const { status, headers, body } = await pending
  await body?.cancel()
  return { status, headers }
}

describe('a preflight', () => {
  test.each([
    '/tasks',
    '/tasks/',
    '/tasks/1',
    '/tasks/bulk-delete',
    '/health',
    '/health/ready',
    '/',
    '/canary',
  ])('for %s is answered without a session', async (path) => {
    const { headers } = preflight(path, ORIGIN)
    const response = await client()('OPTIONS', path, undefined, headers)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(response.headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(response.headers.get('Access-Control-Max-Age')).toBe('600')
    expect(sorted(response.headers.get('Access-Control-Allow-Methods'))).toEqual(
      ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].sort(),
    )
    expect(sorted(response.headers.get('Access-Control-Allow-Headers'))).toEqual(
      [
        'Accept',
        'Content-Type',
        'Authorization',
        'If-Match',
        'If-None-Match',
        'Idempotency-Key',
        'X-Request-Id',
        'traceparent',
        'tracestate',
        'baggage',
        'sentry-trace',
      ].sort(),
    )
    expect(lower(response.headers.get('Vary'))).toContain('origin')
    for (const name of response.headers.keys()) expect(name).not.toMatch(/ratelimit/)
  })

  test('from another origin gets no origin back', async () => {
    const { path, headers } = preflight('/tasks', 'https://canary.example')
    const response = await client()('OPTIONS', path, undefined, headers)
    expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
    expect(lower(response.headers.get('Vary'))).toContain('origin')
  })
})

const allowed = async (origin: string, settings = {}) => {
  const api = apiWith(envWith(settings))
  const simple = await head(api('GET', '/health', undefined, { Origin: origin }))
  const { path, headers } = preflight('/tasks', origin)
  const asked = await head(api('OPTIONS', path, undefined, headers))
  const name = 'Access-Control-Allow-Origin'
  expect(asked.headers.get(name)).toBe(simple.headers.get(name))
  return simple.headers.get(name)
}

describe('in development', () => {
  test.each(['http://localhost:3000', 'http://localhost', 'http://127.0.0.1:3000'])(
    '%s may call',
    async (origin) => {
      expect(await allowed(origin)).toBe(origin)
      expect(
        await allowed(origin, { ENVIRONMENT: 'development', CORS_ORIGINS: 'https://canary.example' }),
      ).toBe(origin)
      expect(await allowed(origin, { ENVIRONMENT: '' })).toBe(origin)
    },
  )

  test.each([
    'null',
    '*',
    'https://localhost:3000',
    'http://localhost:3000/',
    'http://localhost:30000',
    'http://localhost:3000.canary.example',
    'http://canary.localhost:3000',
    'HTTP://LOCALHOST:3000',
    'http://127.0.0.1',
    'http://localhost:5173',
  ])('%s may not', async (origin) => {
    expect(await allowed(origin)).toBe(null)
    expect(await allowed(origin, { CORS_ORIGINS: 'https://canary.example' })).toBe(null)
  })

  test('what CORS_ORIGINS adds may call too', async () => {
    const settings = { CORS_ORIGINS: 'http://localhost:5173, https://canary.example' }
    for (const origin of ['http://localhost:5173', 'https://canary.example', 'http://localhost:3000']) {
      expect(await allowed(origin, settings)).toBe(origin)
    }
  })
})

describe('in production', () => {
  const production = {
    ENVIRONMENT: 'production',
    NEON_FETCH_ENDPOINT: '',
    UPSTASH_REDIS_REST_URL: 'https://127.0.0.1:1',
    CORS_ORIGINS: 'https://canary.example, https://admin.canary.example:8443',
  }

  test.each(['https://canary.example', 'https://admin.canary.example:8443'])(
    '%s may call',
    async (origin) => {
      expect(await allowed(origin, production)).toBe(origin)
    },
  )

  test.each([
    'http://localhost:3000',
    'http://canary.example',
    'https://canary.example:8443',
    'https://admin.canary.example',
    'https://www.canary.example',
    'https://canary.example.evil.example',
    'https://evilcanary.example',
    'null',
  ])('%s may not', async (origin) => {
    expect(await allowed(origin, production)).toBe(null)
  })
})
