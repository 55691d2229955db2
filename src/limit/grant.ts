import { Ratelimit, type RatelimitConfig } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis/cloudflare'
import type { Settings } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import type { Ask, Budget } from './budget.ts'
import { SCRIPT, SCRIPT_SHA } from './script.ts'
import { WINDOW_MS, windowEnd } from './window.ts'

/** How long a request may wait for Redis: with the 8.5 s of its statements it is answered within 10 s. */
const DEADLINE_MS = 1_000

type Algorithm = ReturnType<RatelimitConfig['limiter']>
type Answer = Awaited<ReturnType<Algorithm['limit']>>

/** Units of a window that Redis granted, and how many remain of it for all instances. */
export type Grant = Answer & { granted: number }

/** For @upstash/ratelimit: a counter a window, which grants what is left of the units asked for. */
const fixedWindow = (limit: number): Algorithm => ({
  async limit({ redis }, key, units = 1): Promise<Grant> {
    const values = [limit, units, WINDOW_MS]
    const answer = await redis.evalsha(SCRIPT_SHA, [key], values).catch((error: unknown) => {
      if (String(error).includes('NOSCRIPT')) return redis.eval(SCRIPT, [key], values)
      throw error
    })
    const [granted, used] = Array.isArray(answer) ? answer : []
    const areCounts = Number.isInteger(granted) && Number.isInteger(used)
    if (!areCounts || granted > Math.min(units, used) || granted < Math.min(0, units)) {
      throw new TypeError('Redis answered with something other than counts')
    }
    const [remaining, reset] = [Math.max(0, limit - used), windowEnd(Date.now())]
    return { success: granted === units, limit, remaining, reset, pending: Promise.resolve(), granted }
  },
  async getRemaining({ redis }, key) {
    const used = (await redis.get<number>(key)) ?? 0
    return { limit, remaining: Math.max(0, limit - used), reset: windowEnd(Date.now()) }
  },
  async resetTokens({ redis }, key) {
    await redis.del(key)
  },
})

// Settings alone, of which each call makes a request of its own: nothing here is one request's I/O.
const limitersOf = perIsolate((settings) => {
  const redis = new Redis({
    url: settings.UPSTASH_REDIS_REST_URL,
    token: settings.UPSTASH_REDIS_REST_TOKEN,
    // Only as a function does the SDK make a deadline a call of it, and let it throw.
    signal: () => AbortSignal.timeout(DEADLINE_MS),
    retry: { retries: 0 },
    enableTelemetry: false,
    enableAutoPipelining: false,
    readYourWrites: false,
    responseEncoding: false,
  })
  const limiter = (policy: string, limit: number) =>
    new Ratelimit({
      redis,
      limiter: () => fixedWindow(limit),
      prefix: `tasks:${policy}`,
      // The SDK's own timeout admits, and its cache is one more memory of what a budget knows already.
      timeout: 0,
      ephemeralCache: false,
      enableTelemetry: false,
    })
  const { RATE_LIMIT_READS: reads, RATE_LIMIT_WRITES: writes } = settings
  return { read: limiter('read', reads), write: limiter('write', writes) }
})

/** Asks for the units. Throws on anything but a whole answer in time. */
export async function askRedis(settings: Settings, { policy, key }: Budget, ask: Ask): Promise<Grant> {
  const name = `${key}:${ask.end / WINDOW_MS}`
  return (await limitersOf(settings)[policy].limit(name, { rate: ask.waiting + ask.extra })) as Grant
}
