import type { Env, Settings } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import { Breaker } from './breaker.ts'
import { Budget, type BudgetName, type Decision, refusal } from './budget.ts'
import { CappedMap } from './capped-map.ts'
import { Patience } from './patience.ts'
import { chargeUpstash } from './upstash.ts'
import { inAMinute, windowEnd } from './window.ts'

/** One charge of one budget. Asks Redis, else the platform's counter and this isolate's. Never rejects. */
export async function charge(env: Env, settings: Settings, name: BudgetName, key: string): Promise<Decision> {
  const budget = budgetOf(settings, name, key)
  return await budget.spend(async () => {
    const breaker = breakerOf(settings)
    if (breaker.allows(Date.now())) {
      try {
        const answer = await patienceOf(settings).wait((signal) =>
          chargeUpstash(settings, budget, key, signal),
        )
        breaker.succeeded()
        return answer
      } catch (error) {
        breaker.failed(Date.now(), error instanceof Error ? error.name : 'unknown')
      }
    }
    const decision = await askNearby(env, budget, key)
    if (!decision.admitted) return decision
    const { remaining: _, ...admitted } = decision
    return admitted
  })
}

/** The same without a trip: by this isolate's count, and the platform's of this location. */
export async function chargeHere(
  env: Env,
  settings: Settings,
  name: BudgetName,
  key: string,
): Promise<Decision> {
  const budget = budgetOf(settings, name, key)
  return await budget.spend(() => askNearby(env, budget, key))
}

/** What the isolate leaves of the budget is what `spend` has seen to; there remains the platform to ask. */
async function askNearby(env: Env, { policy, limit, left }: Budget, key: string): Promise<Decision> {
  const binding = policy === 'read' ? env.READS : env.WRITES
  if (!(await platformAdmits(binding, key))) return { ...refusal(policy, limit, inAMinute()), by: 'platform' }
  const by = binding ? 'platform' : 'isolate'
  return { admitted: true, policy, limit, by, remaining: left, reset: windowEnd(Date.now()) }
}

/** The native rate-limit binding's word; true where there is none to ask. */
export async function platformAdmits(binding: RateLimit | undefined, key: string): Promise<boolean> {
  try {
    return binding ? (await binding.limit({ key })).success : true
  } catch {
    return true
  }
}

/** One caller's budget, for a look at it before it is charged. */
export function budgetOf(settings: Settings, name: BudgetName, key: string): Budget {
  const budgets = budgetsOf(settings)
  const id = `${name}:${key}`
  const limit = name === 'read' ? settings.RATE_LIMIT_READS : settings.RATE_LIMIT_WRITES
  const budget = budgets.get(id) ?? new Budget(name, limit)
  budgets.set(id, budget)
  return budget
}

const breakerOf = perIsolate(() => new Breaker())
const patienceOf = perIsolate(() => new Patience())
const budgetsOf = perIsolate(() => new CappedMap<string, Budget>(10_000))
