import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { configure } from '../src/env.ts'
import { userBudget } from '../src/limit/budgets.ts'
import { acquire, decideInHand } from '../src/limit/limiter.ts'
import { envWith } from './faults.ts'

/**
 * The limiter on a clock that the test moves: its own script, run by Redis with the times of the test, and its own
 * arithmetic. Two instances share one Redis and one clock, and know nothing of each other.
 */

const MINUTE = 60_000

afterEach(() => {
  vi.useRealTimers()
})

function instances(limit: number) {
  const bindings = [1, 2].map(() => envWith({ RATE_LIMIT_READS: `${limit}` }))
  const settings = bindings.map(
    (each) => configure(each).settings as NonNullable<ReturnType<typeof configure>['settings']>,
  )
  const user = crypto.randomUUID()
  return async (which: number) => {
    const mine = settings[which % 2] as (typeof settings)[0]
    const budget = userBudget(mine, 'read', user)
    const decision = decideInHand(budget) ?? (await acquire(env, mine, budget))
    // A busy machine may let Redis miss its deadline; what then answers is another test's matter.
    fc.pre(decision.remaining !== undefined)
    return decision
  }
}

const history = fc.record({
  limit: fc.constantFrom(1, 2, 3, 5, 8),
  start: fc.integer({ min: 0, max: MINUTE - 1 }),
  steps: fc.array(
    fc.record({
      gap: fc.oneof(
        fc.nat({ max: 999 }),
        fc.nat({ max: 20_000 }),
        fc.nat({ max: 2 * MINUTE }),
        fc.constant(MINUTE),
      ),
      requests: fc.integer({ min: 1, max: 6 }),
      instance: fc.nat({ max: 1 }),
    }),
    { maxLength: 5 },
  ),
  instance: fc.nat({ max: 1 }),
})

test('of three hundred histories, each lets in who has waited Retry-After, and no minute more than its budget', async () => {
  let [histories, waits] = [0, new Set<number>()]
  const property = fc.asyncProperty(history, async ({ limit, start, steps, instance }) => {
    const send = instances(limit)
    const admitted = new Map<number, number>()
    let now = Math.floor(Date.now() / MINUTE) * MINUTE + start
    const request = async (which: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now })
      const decision = await send(which)
      const minute = Math.floor(now / MINUTE)
      if (decision.admitted) admitted.set(minute, (admitted.get(minute) ?? 0) + 1)
      return decision
    }
    for (const { gap, requests, instance } of steps) {
      now += gap
      for (let i = 0; i < requests; i++) await request(instance)
    }
    let last = await request(instance)
    // The other instance may hold a unit.
    for (let i = 0; last.admitted && i < limit; i++) last = await request(instance)
    expect(last.admitted, 'one more than the budget, at one moment').toBe(false)
    const seconds = Math.ceil((last.reset - now) / 1000)
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(60)
    now += seconds * 1000
    expect((await request(instance)).admitted, `after ${seconds} s`).toBe(true)
    for (const count of admitted.values()) expect(count).toBeLessThanOrEqual(limit)
    histories += 1
    waits = waits.add(seconds)
  })
  await fc.assert(property, { numRuns: 300, endOnFailure: true })
  expect(histories).toBe(300)
  expect(waits.size).toBeGreaterThan(30)
}, 300_000)
