import { addressKey } from '../address.ts'
import type { Settings } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import { LruMap } from '../lru-map.ts'
import { Budget, type BudgetName } from './budget.ts'

// Apart, so that a flood from many addresses makes no user's units forgotten.
const ofUsers = perIsolate(() => new LruMap<string, Budget>(10_000))
const ofAddresses = perIsolate(() => new LruMap<string, Budget>(10_000))

export function userBudget(settings: Settings, name: BudgetName, userId: string): Budget {
  const budgets = ofUsers(settings)
  const id = `${name}:${userId}`
  let budget = budgets.get(id)
  if (!budget) {
    budget = open(settings, name, `user:${userId}`)
    budgets.set(id, budget)
  }
  return budget
}

export async function addressBudget(settings: Settings, name: BudgetName, address: string): Promise<Budget> {
  const budgets = ofAddresses(settings)
  const id = `${name}:${address}`
  let budget = budgets.get(id)
  if (!budget) {
    const key = await addressKey(settings.SESSION_HASH_SECRET, address)
    budget = budgets.get(id) ?? open(settings, name, key)
    budgets.set(id, budget)
  }
  return budget
}

const open = (settings: Settings, name: BudgetName, key: string) =>
  new Budget(name, name === 'read' ? settings.RATE_LIMIT_READS : settings.RATE_LIMIT_WRITES, key)
