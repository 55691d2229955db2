import type { Env, Settings } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import { Breaker } from './breaker.ts'
import type { Ask, Budget } from './budget.ts'
import { admit, type Decision, refuse } from './decision.ts'
import { askRedis, type Grant } from './grant.ts'

const breakerOf = perIsolate(() => new Breaker())

/** A unit in hand, or the refusal of a budget that is known to be spent. Undefined: somebody has to be asked. */
export function decideInHand(budget: Budget): Decision | undefined {
  const now = Date.now()
  if (budget.take(now)) return admit(budget, 'lease')
  return budget.isSpent(now) ? refuse(budget, 'isolate') : undefined
}

/** A lease for a request that waits: from Redis, else what the platform and this isolate say. Never rejects. */
export async function acquire(env: Env, settings: Settings, budget: Budget): Promise<Decision> {
  const ask = budget.ask(1, Date.now())
  const grant = await tryRedis(settings, budget, ask)
  if (!grant) return await askNearby(env, budget, ask)
  budget.receive(ask, grant.granted, grant.remaining)
  if (grant.granted > 0) return admit(budget, 'redis', ask.end)
  // What was left may have come into this isolate's hand, with the lease of another request.
  return budget.take(Date.now()) ? admit(budget, 'lease') : refuse(budget, 'redis')
}

/** The same without a call to Redis, for a request that costs the upstreams nothing else. Never rejects. */
export async function acquireNearby(env: Env, budget: Budget): Promise<Decision> {
  const decision = decideInHand(budget) ?? (await askNearby(env, budget, budget.ask(1, Date.now())))
  return { ...decision, remaining: decision.admitted ? budget.remaining : 0 }
}

/** Fills a hand that is empty, for requests to come. Never rejects. */
export async function refill(settings: Settings, budget: Budget): Promise<void> {
  await exchange(settings, budget, budget.ask(0, Date.now()))
}

/** Takes an admission back, and gives Redis what this isolate would strand. Never rejects. */
export async function release(settings: Settings, budget: Budget, decision: Decision): Promise<void> {
  const { admitted, by, reset } = decision
  if (!admitted) return
  budget.putBack(reset, by === 'redis' || by === 'lease')
  for (let ask = budget.takeSurplus(); ask.extra < 0; ask = budget.takeSurplus()) {
    await exchange(settings, budget, ask)
  }
}

async function exchange(settings: Settings, budget: Budget, ask: Ask): Promise<void> {
  if (ask.extra === 0) return
  const grant = await tryRedis(settings, budget, ask)
  budget.receive(ask, grant?.granted ?? 0, grant?.remaining)
}

async function tryRedis(settings: Settings, budget: Budget, ask: Ask): Promise<Grant | undefined> {
  const breaker = breakerOf(settings)
  if (!breaker.allows(Date.now())) return undefined
  try {
    const grant = await askRedis(settings, budget, ask)
    breaker.succeeded()
    return grant
  } catch (error) {
    breaker.failed(Date.now(), error)
    return undefined
  }
}

/** The platform's own counter, of this location. What this isolate leaves of the budget, `isSpent` has seen to. */
async function askNearby(env: Env, budget: Budget, ask: Ask): Promise<Decision> {
  const binding = budget.policy === 'read' ? env.READS : env.WRITES
  const admitted = await platformAdmits(binding, budget.key)
  budget.receive(ask, admitted ? 1 : 0)
  budget.onPlatform = binding !== undefined
  const by = binding ? 'platform' : 'isolate'
  return admitted ? admit(budget, by, ask.end) : refuse(budget, by)
}

/** True where there is none to ask. */
async function platformAdmits(binding: RateLimit | undefined, key: string): Promise<boolean> {
  try {
    return binding ? (await binding.limit({ key })).success : true
  } catch {
    return true
  }
}
