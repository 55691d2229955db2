import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis/cloudflare'
import type { Settings } from '../env.ts'
import type { Budget, Decision } from './budget.ts'
import { WINDOW_MS } from './window.ts'

/** One charge of the budget that all instances share. Throws on anything but a whole answer until the signal. */
export async function chargeUpstash(
  settings: Settings,
  { policy, limit }: Budget,
  key: string,
  signal: AbortSignal,
): Promise<Decision> {
  // A client is plain data: making one a charge costs microseconds and shares no I/O between requests.
  const redis = new Redis({
    url: settings.UPSTASH_REDIS_REST_URL,
    token: settings.UPSTASH_REDIS_REST_TOKEN,
    // Only as a function does the SDK let it throw.
    signal: () => signal,
    retry: { retries: 0 },
    enableTelemetry: false,
    enableAutoPipelining: false,
    readYourWrites: false,
    responseEncoding: false,
  })
  const ratelimit = new Ratelimit({
    redis,
    limiter: Ratelimit.slidingWindow(limit, `${WINDOW_MS} ms`),
    prefix: `tasks:${policy}`,
    // The SDK's own timeout admits, and its cache refuses to the end of a window that slides.
    timeout: 0,
    ephemeralCache: false,
    enableTelemetry: false,
  })
  const answer = await ratelimit.limit(key)
  const { success: admitted, remaining, reset } = answer
  if (answer.limit !== limit || !Number.isInteger(remaining) || remaining >= limit) {
    throw new TypeError('the limiter answered with something other than a count')
  }
  return { admitted, policy, limit, by: 'redis', remaining, reset }
}
