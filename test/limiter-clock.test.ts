import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { configure, type Settings } from '../src/env.ts'
import { userBudget } from '../src/limit/budgets.ts'
import { acquire, acquireNearby, decideInHand, refill, release } from '../src/limit/limiter.ts'
import { redisOf } from '../src/redis.ts'
import { envWith } from './faults.ts'
import { record } from './recorder.ts'
import { skip, skipToHalfPast } from './watch.ts'

/**
 * The limiter on a clock that the test moves: its own script, run by Redis with the times of the test, and its own
 * arithmetic. Two instances share one Redis and one clock, and know nothing of each other.
 */

const MINUTE = 60_000

afterEach(() => {
  vi.useRealTimers()
})

/** An instance's. */
const settingsOf = (limit: number) =>
  configure(envWith({ RATE_LIMIT_READS: `${limit}` })).settings as Settings

function instances(limit: number) {
  const settings = [settingsOf(limit), settingsOf(limit)]
  const user = crypto.randomUUID()
  return async (which: number) => {
    const mine = settings[which % 2] as Settings
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

/** One user's reads on one instance, in the middle of a minute, and what Redis has counted of them. */
function reads(limit: number, user = crypto.randomUUID()) {
  const settings = settingsOf(limit)
  skipToHalfPast()
  const budget = userBudget(settings, 'read', user)
  return {
    ...{ user, budget },
    admit: async () => decideInHand(budget) ?? (await acquire(env, settings, budget)),
    admitNearby: () => acquireNearby({ ...env, READS: undefined }, budget),
    refill: () => refill(settings, budget),
    takeBack: (decision: Awaited<ReturnType<typeof acquire>>) => release(settings, budget, decision),
    counted: () => {
      const key = `tasks:read:user:${user}:${Math.floor(Date.now() / MINUTE) + 1}`
      return redisOf(settings, new AbortController().signal).get<number>(key)
    },
  }
}

test('a unit in hand is good until the minute ends, and Redis is asked again in the next', async () => {
  const { budget, admit, refill, counted } = reads(20)
  await admit()
  await refill()
  expect(await counted()).toBe(2)
  skip(MINUTE)
  expect(decideInHand(budget)).toBeUndefined()
  expect(await admit()).toMatchObject({ by: 'redis', remaining: 19 })
  expect(await counted()).toBe(1)
})

describe('an admission that is taken back', () => {
  test('is in hand again, and what is more than this instance has used goes back to Redis', async () => {
    const { budget, admit, refill, takeBack, counted } = reads(20)
    const first = await admit()
    await refill()
    await admit()
    await refill()
    // Two admitted, two in hand.
    expect(await counted()).toBe(4)
    await takeBack(first)
    expect(await counted()).toBe(2)
    expect(budget.remaining).toBe(19)
    expect(await admit()).toMatchObject({ by: 'lease', remaining: 18 })
    expect(await admit()).toMatchObject({ by: 'redis', remaining: 17 })
  })

  test('of many at once, goes back with few calls', async () => {
    const { admit, takeBack, counted } = reads(100)
    const decisions: Awaited<ReturnType<typeof admit>>[] = []
    for (let i = 0; i < 40; i++) decisions.push(await admit())
    const { redis } = await record(async () => {
      await Promise.all(decisions.map(takeBack))
    })
    expect(redis).toBeLessThanOrEqual(2)
    expect(await counted()).toBe(0)
  })

  test('after its minute, is nothing', async () => {
    const { budget, admit, takeBack, counted } = reads(20)
    const earlier = await admit()
    skip(MINUTE)
    await admit()
    await takeBack(earlier)
    expect([await counted(), budget.remaining]).toEqual([1, 19])
  })

  test('that Redis did not count, is not given to it', async () => {
    const { admitNearby, takeBack, counted } = reads(20)
    const decision = await admitNearby()
    expect(decision).toMatchObject({ admitted: true, by: 'isolate' })
    await takeBack(decision)
    expect(await counted()).toBeNull()
  })

  test('was one: a refusal is not', async () => {
    const elsewhere = reads(1)
    const { budget, admit, takeBack, counted } = reads(1, elsewhere.user)
    await elsewhere.admit()
    const refusal = await admit()
    expect(refusal).toMatchObject({ admitted: false, by: 'redis', remaining: 0 })
    await takeBack(refusal)
    expect(decideInHand(budget)).toMatchObject({ admitted: false, by: 'isolate' })
    expect(await counted()).toBe(1)
  })
})

describe('a call to Redis', () => {
  const { fetch, setTimeout } = globalThis
  afterEach(() => {
    Object.assign(globalThis, { fetch, setTimeout })
  })

  test('sends the script to a Redis that has forgotten it, and tells nobody of the SDK', async () => {
    const { admit, counted } = reads(20)
    const sent: [command: string, headers: string[]][] = []
    globalThis.fetch = (input, init) => {
      const [command] = JSON.parse(String(init?.body)) as [string]
      sent.push([command, [...new Headers(init?.headers).keys()]])
      const error = 'NOSCRIPT No matching script. Please use EVAL.'
      return sent.length > 1 ? fetch(input, init) : Promise.resolve(Response.json({ error }, { status: 400 }))
    }
    expect(await admit()).toMatchObject({ by: 'redis', remaining: 19 })
    expect(await counted()).toBe(1)
    expect(sent.map(([command]) => command)).toEqual(['evalsha', 'eval', 'get'])
    for (const [, headers] of sent) expect(headers.join()).not.toMatch(/telemetry/i)
  })

  test('leaves no timer behind', async () => {
    const { admit } = reads(20)
    let timers = 0
    globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
      timers += 1
      return setTimeout(...args)
    }) as typeof setTimeout
    await admit()
    expect(timers).toBeGreaterThan(0)
    timers = 0
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(timers).toBe(0)
  })
})
