import type { Env } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import { type Decision, refusal } from './budget.ts'
import { CappedMap } from './capped-map.ts'
import { platformAdmits } from './limiter.ts'
import { inAMinute, WindowCounter, windowEnd } from './window.ts'

/** A minute, for one address, in one isolate and (by the bindings of the same numbers) in one location. */
const MAX_LOOK_UPS = 300
const MAX_FAILURES = 20
const BAD_HASH_MS = 10_000

/**
 * Bounds what strangers cost the database. Tokens that an isolate has seen alive do not pass through here, so an
 * address that guesses tokens shuts out itself and nobody whose session is known.
 */
class LookUps {
  readonly #counter = new WindowCounter()
  readonly #blocked = new CappedMap<string, number>(10_000)
  readonly #bad = new CappedMap<string, number>(10_000)

  /** Whether the database said within ten seconds that it does not know this hash. */
  isBad(hash: string): boolean {
    return Date.now() < (this.#bad.get(hash) ?? 0)
  }

  /** The refusal of an address that has shown too many bad tokens. */
  blocked(address: string): Decision | undefined {
    const until = this.#blocked.get(address) ?? 0
    return Date.now() < until ? refusal('failure', MAX_FAILURES, until) : undefined
  }

  /** Counts a look-up, or refuses it. */
  async begin(env: Env, address: string): Promise<Decision | undefined> {
    const now = Date.now()
    if (this.#counter.hit(`look-up:${address}`, now) > MAX_LOOK_UPS) {
      return refusal('look-up', MAX_LOOK_UPS, windowEnd(now))
    }
    if (await platformAdmits(env.LOOKUPS, address)) return undefined
    return { ...refusal('look-up', MAX_LOOK_UPS, inAMinute()), by: 'platform' }
  }

  /** Counts a token that the database did not know. */
  async failed(env: Env, address: string, hash: string): Promise<void> {
    const now = Date.now()
    this.#bad.set(hash, now + BAD_HASH_MS)
    const isLast = this.#counter.hit(`failure:${address}`, now) >= MAX_FAILURES
    if (isLast) this.#blocked.set(address, windowEnd(now))
    if (!(await platformAdmits(env.FAILURES, address))) this.#blocked.set(address, inAMinute())
  }
}

export const lookUpsOf = perIsolate(() => new LookUps())
