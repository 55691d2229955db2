import { perIsolate } from '../isolate.ts'
import type { Decision } from '../limit/decision.ts'
import { windowEnd } from '../limit/window.ts'
import { LruMap } from '../lru-map.ts'

/** Bad tokens that an address may show in ten seconds of the clock, each counted once. */
const MAX_FAILURES = 200
const WINDOW_MS = 10_000
/** How long a token that the database did not know is not asked for again. */
const DEAD_MS = 10_000

/** The subrequests of every Worker to another zone come from 2a06:98c0:3600::103, and nobody answers for all of them. */
const SHARED_ADDRESS = '2a06:98c0:3600:0::/64'

/**
 * Bounds what tokens that are not alive cost the database. Living sessions are never counted: a server-side frontend
 * shows a thousand from one address.
 */
class Strangers {
  readonly #deadUntil = new LruMap<string, number>(10_000)
  readonly #failures = new LruMap<string, { count: number; end: number }>(10_000)

  /** Whether the database said lately that it does not know the token of this hash. */
  isDead(hash: string): boolean {
    return Date.now() < (this.#deadUntil.get(hash) ?? 0)
  }

  /** Counts a token that the database did not know; one that many requests show at once is one. */
  failed(address: string, hash: string): void {
    const now = Date.now()
    const isKnown = this.isDead(hash)
    this.#deadUntil.set(hash, now + DEAD_MS)
    if (isKnown) return
    const seen = this.#failures.get(address)
    const count = seen && now < seen.end ? seen.count + 1 : 1
    this.#failures.set(address, { count, end: windowEnd(now, WINDOW_MS) })
  }

  /** The refusal of an address that has shown too many, for tokens that the isolate does not know. */
  refusal(address: string): Decision | undefined {
    const { count, end } = this.#failures.get(address) ?? { count: 0, end: 0 }
    if (count < MAX_FAILURES || Date.now() >= end || address === SHARED_ADDRESS) return undefined
    const policy = { policy: 'failure', limit: MAX_FAILURES, window: WINDOW_MS / 1000 }
    return { admitted: false, ...policy, by: 'isolate', remaining: 0, reset: end }
  }
}

export const strangersOf = perIsolate(() => new Strangers())
