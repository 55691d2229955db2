import { afterEach, expect, test, vi } from 'vitest'
import { version } from '../package.json'
import { apiWith, envWith } from './faults.ts'
import { record } from './recorder.ts'
import { client } from './support.ts'
import { logged, skip, trips } from './watch.ts'

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

interface Ready {
  status: string
  timestamp: string
  checks: { database: string; rate_limiter: string }
}

afterEach(() => {
  vi.useRealTimers()
})

test('GET /health says that the Worker is alive, which version it is, and when', async () => {
  const response = await client()('GET', '/health')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  const body: { timestamp: string } = await response.json()
  expect(Object.keys(body)).toEqual(['status', 'timestamp', 'version'])
  expect(body).toEqual({ status: 'ok', timestamp: expect.stringMatching(MOMENT), version })
  expect(Math.abs(Date.parse(body.timestamp) - Date.now())).toBeLessThan(30_000)
})

test('GET / is an index of the name, the version and where to go on', async () => {
  const response = await client()('GET', '/')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  const body: { links: Record<string, string> } = await response.json()
  expect(body).toEqual({
    name: expect.any(String),
    version,
    links: { docs: '/docs', openapi: '/openapi.json', health: '/health' },
  })
})

test.each(['/', '/health'])('GET %s needs no session, no database, no limiter', async (path) => {
  const api = apiWith(envWith({ neon: 'refused', upstash: 'refused', RATE_LIMIT_READS: '1' }))
  const responses: Response[] = []
  const sent = await trips(async () => {
    for (let i = 0; i < 3; i += 1) responses.push(await api('GET', path))
  })
  expect(sent).toEqual({ database: 0, redis: 0 })
  for (const { status, headers } of responses) {
    expect(status).toBe(200)
    for (const name of headers.keys()) expect(name).not.toMatch(/ratelimit/)
  }
})

test('GET /health/ready says that the database and the limiter answer', async () => {
  const response = await apiWith(envWith({}))('GET', '/health/ready')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  const body: Ready = await response.json()
  expect(Object.keys(body)).toEqual(['status', 'timestamp', 'checks'])
  expect(body).toEqual({
    status: 'ok',
    timestamp: expect.stringMatching(MOMENT),
    checks: { database: 'ok', rate_limiter: 'ok' },
  })
})

test('GET /health/ready is free: no limit counts it', async () => {
  const api = apiWith(envWith({ RATE_LIMIT_READS: '1' }))
  for (let i = 0; i < 3; i += 1) {
    const { status, headers } = await api('GET', '/health/ready')
    expect(status).toBe(200)
    for (const name of headers.keys()) expect(name).not.toMatch(/ratelimit/)
  }
})

test('GET /health/ready asks once for many probes, and keeps the answer', async () => {
  const api = apiWith(envWith({}))
  const bodies: Ready[] = []
  const sent = await trips(async () => {
    for (let i = 0; i < 3; i += 1) bodies.push(await (await api('GET', '/health/ready')).json())
  })
  expect(sent).toEqual({ database: 1, redis: 1 })
  expect(new Set(bodies.map(({ timestamp }) => timestamp)).size).toBe(1)
})

test('GET /health/ready looks once for 300 at a time on a cold isolate, however slow the look', async () => {
  const api = apiWith(envWith({ neon: 'delay,ms=600' }))
  const many = () => Promise.all(Array.from({ length: 300 }, () => api('GET', '/health/ready')))
  const statuses: number[] = []
  const { database, redis } = await record(async () => {
    // 300 requests may take a busy machine longer than the look itself has.
    skip(0)
    statuses.push(...(await many()).map(({ status }) => status))
  })
  expect({ database, redis }).toEqual({ database: 1, redis: 1 })
  expect(statuses).toEqual(Array(300).fill(200))
})

test('GET /health/ready asks again after ten seconds, once for many at a time', async () => {
  const api = apiWith(envWith({}))
  const many = () => Promise.all(Array.from({ length: 20 }, () => api('GET', '/health/ready')))
  await api('GET', '/health/ready')
  const later = (ms: number) =>
    trips(async () => {
      skip(ms)
      for (const { status } of await many()) expect(status).toBe(200)
    })
  expect(await later(9_000)).toEqual({ database: 0, redis: 0 })
  expect(await later(2_000)).toEqual({ database: 1, redis: 1 })
  expect(await later(9_000)).toEqual({ database: 0, redis: 0 })
})

test('GET /health/ready looks again, once, when the request that looks has not come back in 2.5 s', async () => {
  const api = apiWith(envWith({ neon: `hang,once=${crypto.randomUUID()}` }))
  const { redis: looks } = await trips(async () => {
    skip(0)
    const lost = api('GET', '/health/ready')
    const others = Promise.all(Array.from({ length: 20 }, () => api('GET', '/health/ready')))
    skip(2_499)
    const moment = new Promise((resolve) => setTimeout(resolve, 200, 'still waiting'))
    expect(await Promise.race([others, moment])).toBe('still waiting')
    skip(1)
    expect((await others).map(({ status }) => status)).toEqual(Array(20).fill(200))
    await lost
  })
  expect(looks).toBe(2)
})

test.each(['refused', 'reset', 'status,code=500', 'html,code=502', 'wrong-types'] as const)(
  'GET /health/ready answers 503 when the database answers with: %s',
  async (neon) => {
    const response = await apiWith(envWith({ neon }))('GET', '/health/ready')
    expect(response.status).toBe(503)
    const body: Ready = await response.json()
    expect(Object.keys(body)).toEqual(['status', 'timestamp', 'checks'])
    expect(body.checks).toEqual({ database: 'unavailable', rate_limiter: 'ok' })
    expect(body.status).not.toBe('ok')
  },
)

test('GET /health/ready says so when the limiter is away', async () => {
  const response = await apiWith(envWith({ upstash: 'refused' }))('GET', '/health/ready')
  const body: Ready = await response.json()
  expect(body.checks).toEqual({ database: 'ok', rate_limiter: 'unavailable' })
  expect(body.status).not.toBe('ok')
})

test('GET /health/ready says so when the token of the limiter may not evaluate scripts, and logs its word', async () => {
  const lines = await logged(async () => {
    const api = apiWith(envWith({ upstash: 'status,code=400,says=noperm' }))
    const response = await api('GET', '/health/ready')
    expect(response.status).toBe(200)
    const { status, checks } = await response.json<Ready>()
    expect({ status, checks }).toEqual({
      status: 'degraded',
      checks: { database: 'ok', rate_limiter: 'unavailable' },
    })
  })
  expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ level: 'info', fault: ['rate_limiter: NOPERM'] })
})

test.each([
  ['status,code=500,sqlstate=53300', 'database: 53300'],
  ['status,code=400,says=password', 'database: password authentication failed'],
  ['html,code=200', 'database: malformed answer'],
  ['hang', 'database: timeout'],
] as const)('GET /health/ready logs what the database answered: %s', async (neon, fault) => {
  const lines = await logged(async () => {
    const response = await apiWith(envWith({ neon }))('GET', '/health/ready')
    expect(response.status).toBe(503)
    await response.body?.cancel()
  })
  expect(JSON.parse(lines[0] ?? '{}')).toMatchObject({ level: 'error', status: 503, fault: [fault] })
})

test('GET /health/ready waits no longer than two seconds for each', async () => {
  const started = performance.now()
  const response = await apiWith(envWith({ neon: 'hang', upstash: 'hang' }))('GET', '/health/ready')
  const took = performance.now() - started
  expect(response.status).toBe(503)
  const body: Ready = await response.json()
  expect(body.checks).toEqual({ database: 'unavailable', rate_limiter: 'unavailable' })
  expect(took).toBeGreaterThan(1_900)
  expect(took).toBeLessThan(6_000)
})
