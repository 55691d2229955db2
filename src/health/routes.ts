import { name, version } from '../../package.json'
import { router } from '../context.ts'
import { perIsolate } from '../isolate.ts'
import { CHECK_MS, look, type Readiness } from './readiness.ts'

const KEPT_MS = 10_000
const POLL_MS = 20

/** One request looks for all of its isolate. The others wait for this value, as nobody can for another's promise. */
const knownOf = perIsolate((): { askAgainAt: number; answer?: Readiness & { checkedAt: number } } => ({
  askAgainAt: 0,
}))

export const health = router()
  .get('/', (c) =>
    c.json({ name, version, links: { docs: '/docs', openapi: '/openapi.json', health: '/health' } }),
  )
  .get('/health', (c) => c.json({ status: 'ok', timestamp: new Date().toISOString(), version }))
  .get('/health/ready', async (c) => {
    const { settings, db } = c.var
    const known = knownOf(settings)
    while (!known.answer && Date.now() < known.askAgainAt) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    if (!known.answer || Date.now() >= known.askAgainAt) {
      // While this one asks, the others say what was so. Should it never end, the next one asks.
      known.askAgainAt = Date.now() + CHECK_MS + 500
      const { database, rate_limiter } = await look(settings, db)
      const checkedAt = Date.now()
      known.answer = { checkedAt, database, rate_limiter }
      known.askAgainAt = checkedAt + KEPT_MS
      const fault = [
        ...database.map((fault) => `database: ${fault}`),
        ...rate_limiter.map((fault) => `rate_limiter: ${fault}`),
      ]
      if (fault.length > 0) Object.assign(c.get('note'), { fault })
    }
    const { checkedAt, database, rate_limiter } = known.answer
    // Without its Redis the API still serves, and still limits: only the database decides.
    const status = database.length > 0 ? 'unavailable' : rate_limiter.length > 0 ? 'degraded' : 'ok'
    const word = (faults: string[]) => (faults.length > 0 ? 'unavailable' : 'ok')
    const checks = { database: word(database), rate_limiter: word(rate_limiter) }
    const timestamp = new Date(checkedAt).toISOString()
    return c.json({ status, timestamp, checks }, status === 'unavailable' ? 503 : 200)
  })
