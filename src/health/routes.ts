import { Redis } from '@upstash/redis/cloudflare'
import { sql } from 'drizzle-orm'
import { name, version } from '../../package.json'
import { router } from '../context.ts'
import { type Database, statement } from '../db/client.ts'
import type { Settings } from '../env.ts'

const CHECK_MS = 2_000
const KEPT_MS = 10_000

interface Readiness {
  checkedAt: number
  askAgainAt: number
  database: 'ok' | 'unavailable'
  rate_limiter: 'ok' | 'unavailable'
}

// The last answer of the isolate: probes that ask often, or all at once, cost the upstreams nothing once there is one.
const kept = new WeakMap<Settings, Readiness>()

const ping = statement(sql`select 1`)

async function outcome(check: (signal: AbortSignal) => Promise<unknown>): Promise<'ok' | 'unavailable'> {
  const signal = AbortSignal.timeout(CHECK_MS)
  const late = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason)),
  )
  try {
    await Promise.race([check(signal), late])
    return 'ok'
  } catch {
    return 'unavailable'
  }
}

async function check(settings: Settings, db: Database): Promise<Readiness> {
  const [database, rate_limiter] = await Promise.all([
    outcome(() => db.read(ping, {})),
    outcome((signal) =>
      new Redis({
        url: settings.UPSTASH_REDIS_REST_URL,
        token: settings.UPSTASH_REDIS_REST_TOKEN,
        signal: () => signal,
        retry: { retries: 0 },
        enableTelemetry: false,
        enableAutoPipelining: false,
      }).ping(),
    ),
  ])
  const checkedAt = Date.now()
  return { checkedAt, askAgainAt: checkedAt + KEPT_MS, database, rate_limiter }
}

export const health = router()
  .get('/', (c) =>
    c.json({ name, version, links: { docs: '/docs', openapi: '/openapi.json', health: '/health' } }),
  )
  .get('/health', (c) => c.json({ status: 'ok', timestamp: new Date().toISOString(), version }))
  .get('/health/ready', async (c) => {
    const { settings, db } = c.var
    let readiness = kept.get(settings)
    if (!readiness || Date.now() >= readiness.askAgainAt) {
      // While this one asks, the others still say what was so.
      if (readiness) readiness.askAgainAt = Date.now() + CHECK_MS
      readiness = await check(settings, db)
      kept.set(settings, readiness)
    }
    const { checkedAt, askAgainAt: _, ...checks } = readiness
    // Without its Redis the API still serves, and still limits: only the database decides.
    const status =
      checks.database === 'unavailable' ? 'unavailable' : checks.rate_limiter === 'ok' ? 'ok' : 'degraded'
    const timestamp = new Date(checkedAt).toISOString()
    return c.json({ status, timestamp, checks }, status === 'unavailable' ? 503 : 200)
  })
