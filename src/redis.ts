import { Redis } from '@upstash/redis/cloudflare'
import type { Settings } from './env.ts'

/**
 * Redis for one call, until the signal; it throws what becomes of it. Plain data: making one costs microseconds, and no
 * two requests share I/O.
 */
export const redisOf = (settings: Settings, signal: AbortSignal): Redis =>
  new Redis({
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
