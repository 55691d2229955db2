import { windowEnd } from './window.ts'

/** Two budgets a caller, over all routes of a class. */
export type BudgetName = 'read' | 'write'

/** Units that are being asked for, good until `end`. */
export interface Ask {
  end: number
  /** For the request that waits: 1, or 0 where none does. */
  waiting: number
  /** For requests to come; negative where units go back. */
  extra: number
}

/** Of what Redis has left, this part may wait in hands, of all isolates together. */
const IN_HANDS = 1 / 8

/**
 * One caller's budget in one window, as one isolate knows it: an escrow. Units are taken from the counter of all isolates
 * before they are spent, so together these never admit more than the limit. Whoever asks takes more than one, a lease,
 * and spends the rest without a trip; how many is earned.
 */
export class Budget {
  readonly policy: BudgetName
  readonly limit: number
  /** The caller, as Redis and the platform know them. */
  readonly key: string
  /** Whether the platform has counted too, whose minute is not ours. */
  onPlatform = false
  /** When the window ends, in epoch ms. */
  end = 0
  #inHand = 0
  #admitted = 0
  #waiting = 0
  #coming = 0
  #isReturning = false
  /** What Redis has left, by its last word. */
  #left = 0

  constructor(policy: BudgetName, limit: number, key: string) {
    this.policy = policy
    this.limit = limit
    this.key = key
  }

  /** Spends a unit that is in hand. */
  take(now: number): boolean {
    this.#roll(now)
    if (this.#inHand === 0) return false
    this.#inHand -= 1
    this.#admitted += 1
    return true
  }

  /** Whether nothing is in hand and there is nothing to ask for, until the window ends. */
  isSpent(now: number): boolean {
    this.#roll(now)
    return this.#inHand === 0 && (this.#left === 0 || this.#admitted + this.#waiting >= this.limit)
  }

  /** What to ask for: a lease for a request that waits (1), or the refill (0) of a hand that is empty. */
  ask(waiting: 0 | 1, now: number): Ask {
    this.#roll(now)
    const extra = this.#inHand === 0 ? Math.max(0, this.#earned - this.#coming) : 0
    this.#waiting += waiting
    this.#coming += extra
    return { end: this.end, waiting, extra }
  }

  /**
   * How many units may be in hand: as many as this isolate has admitted, and its share (that of its requests among
   * all) of what all isolates may hold, so that ten of them refuse nobody below four fifths (test/node/leases.test.ts).
   */
  get #earned(): number {
    const share = Math.min(1, this.#admitted / Math.max(1, this.limit - this.#left))
    return Math.min(this.#admitted, Math.floor(this.#left * IN_HANDS * share))
  }

  /** What became of it: `granted` units, the request's own first; `left` only where Redis said it. */
  receive({ end, waiting, extra }: Ask, granted: number, left = this.#left): void {
    if (end !== this.end) return
    this.#waiting -= waiting
    this.#coming -= Math.max(0, extra)
    if (extra < 0) this.#isReturning = false
    if (granted > 0) {
      this.#admitted += waiting
      this.#inHand += granted - waiting
    }
    this.#left = left
  }

  /** A request that was admitted had no right to it; `unit` where it spent one of Redis's. */
  putBack(end: number, unit: boolean): void {
    if (end !== this.end) return
    this.#admitted -= 1
    if (unit) this.#inHand += 1
  }

  /** Takes out of the hand what is more than this isolate has used, for Redis to have again; one return at a time. */
  takeSurplus(): Ask {
    const surplus = this.#isReturning ? 0 : Math.max(0, this.#inHand - this.#admitted)
    this.#inHand -= surplus
    this.#isReturning ||= surplus > 0
    return { end: this.end, waiting: 0, extra: -surplus }
  }

  /** What the caller has left: never less than there is in fact, and exact where one isolate serves them. */
  get remaining(): number {
    return Math.max(0, Math.min(this.limit - this.#admitted, this.#left + this.#inHand))
  }

  #roll(now: number): void {
    if (now < this.end) return
    this.end = windowEnd(now)
    this.onPlatform = this.#isReturning = false
    this.#inHand = this.#admitted = this.#waiting = this.#coming = 0
    this.#left = this.limit
  }
}
