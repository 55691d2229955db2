import { inAMinute, WINDOW_MS, windowEnd } from './window.ts'

/** Two budgets a caller, over all routes of a class. */
export type BudgetName = 'read' | 'write'

export interface Decision {
  admitted: boolean
  /** The policy that was charged, and its requests a minute. */
  policy: string
  limit: number
  /** Which counter answered. */
  by: 'redis' | 'platform' | 'isolate'
  /** How many are left; absent where this would be a guess. */
  remaining?: number
  /** When the window ends and a caller who was refused is admitted again, in epoch ms. */
  reset: number
}

/** How soon a budget that was spent is asked for again; a sliding window may have let some of it return. */
const REFUSAL_KEPT_MS = 500

/** One caller's budget as this isolate knows it: what it let through this minute, and what it was last told. */
export class Budget {
  readonly policy: BudgetName
  readonly limit: number
  #end = 0
  #admitted = 0
  #underWay = 0
  #lastSight: number
  #refusal: { decision: Decision; keptUntil: number } | undefined
  #aligned = true

  constructor(policy: BudgetName, limit: number) {
    this.policy = policy
    this.limit = limit
    this.#lastSight = limit
  }

  /** Whether more than a tenth was left at last sight, with one more request and those under way taken off. */
  isComfortable(): boolean {
    this.#roll(Date.now())
    return this.#lastSight - this.#underWay - 1 > this.limit / 10
  }

  /** What this isolate leaves of the budget: never less than there is in fact. */
  get left(): number {
    return this.limit - this.#admitted - this.#underWay
  }

  /** Asks for one request, unless the answer is certain: so a flood of refused ones costs no trip. */
  async spend(ask: () => Promise<Decision>): Promise<Decision> {
    const now = Date.now()
    this.#roll(now)
    if (this.#refusal && now < this.#refusal.keptUntil) return { ...this.#refusal.decision, by: 'isolate' }
    if (this.left <= 0) {
      return refusal(this.policy, this.limit, this.#aligned ? this.#end : inAMinute())
    }
    const window = this.#end
    this.#underWay += 1
    const decision = await ask()
    if (window === this.#end) this.#learn(decision)
    return decision
  }

  #learn(decision: Decision): void {
    this.#underWay -= 1
    this.#aligned = decision.by !== 'platform'
    if (decision.admitted) {
      this.#admitted += 1
      this.#lastSight = decision.remaining ?? this.#lastSight
    } else {
      this.#lastSight = 0
      this.#refusal = { decision, keptUntil: Date.now() + REFUSAL_KEPT_MS }
    }
  }

  #roll(now: number): void {
    if (now < this.#end) return
    // A sliding window has forgotten a minute only when the next one is over.
    if (now >= this.#end + WINDOW_MS) this.#lastSight = this.limit
    this.#end = windowEnd(now)
    this.#admitted = 0
    this.#underWay = 0
    this.#refusal = undefined
  }
}

export const refusal = (policy: string, limit: number, reset: number): Decision => ({
  admitted: false,
  policy,
  limit,
  by: 'isolate',
  remaining: 0,
  reset,
})
