import type { Budget } from './budget.ts'
import { WINDOW_MS } from './window.ts'

/** What was decided of one request, for its headers and its log line. */
export interface Decision {
  admitted: boolean
  /** The policy that was charged, its requests, and its seconds. */
  policy: string
  limit: number
  window: number
  /** Who counted: Redis for this request, Redis when it granted a lease, the platform, or this isolate alone. */
  by: 'redis' | 'lease' | 'platform' | 'isolate'
  /** How many are left; undefined where this would be a guess. */
  remaining: number | undefined
  /** When the window ends and a caller who was refused is admitted again, in epoch ms. */
  reset: number
}

export function admit(budget: Budget, by: Decision['by'], reset = budget.end): Decision {
  const isKnown = by === 'redis' || by === 'lease'
  const remaining = isKnown ? budget.remaining : undefined
  return { admitted: true, ...policyOf(budget), by, remaining, reset }
}

export function refuse(budget: Budget, by: Decision['by']): Decision {
  // The platform does not say where its minute begins: a whole one from now has ended any that it may mean.
  const reset = budget.onPlatform ? Date.now() + WINDOW_MS : budget.end
  return { admitted: false, ...policyOf(budget), by, remaining: 0, reset }
}

const policyOf = ({ policy, limit }: Budget) => ({ policy, limit, window: WINDOW_MS / 1000 })
