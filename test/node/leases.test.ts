import { createHash } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import { luaMachine } from '../../local/lua.ts'
import { memory } from '../../local/redis-memory.ts'
import { scriptCache } from '../../local/scripts.ts'
import { Budget } from '../../src/limit/budget.ts'
import { SCRIPT, SCRIPT_SHA } from '../../src/limit/script.ts'

/**
 * Leases by their own arithmetic and their own script, over many isolates and many minutes of a clock that the test
 * moves. Redis is asked in turn, and has no trip to take: what is counted does not depend on this machine.
 */

const MINUTE = 60_000

const lua = await luaMachine()
const scripts = scriptCache(lua)
const script = scripts.get(scripts.load(SCRIPT)) as string
const redis = memory(lua)
afterAll(() => redis.close())

/** As Upstash counts them: the script's own and those inside it. */
let billed = 0

test('the script is the one that its name stands for', () => {
  expect(SCRIPT_SHA).toBe(createHash('sha1').update(SCRIPT).digest('hex'))
})

async function grant(key: string, limit: number, units: number): Promise<[granted: number, used: number]> {
  const args = [key, limit, units, MINUTE].map(String)
  const [inside, reply] = (await redis.send(['eval', script, '1', ...args])) as [number, [number, number]]
  billed += 1 + inside
  return reply
}

interface Load {
  limit: number
  isolates: number
  /** Requests a minute, at moments drawn at random. */
  requests: number
  /** How likely a request is to meet the isolate of the one before it. */
  sticky: number
}

interface Seen {
  requests: number
  calls: number
  refused: number
  /** The most that was admitted in a minute, and the most that an isolate held when it ended, past what it had used. */
  admitted: number
  stranded: number
  billed: number
}

/** xorshift32: the same minutes in every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

async function simulate({ limit, isolates, requests, sticky }: Load, minutes: number): Promise<Seen> {
  const draw = random(limit * 1_000_003 + isolates * 10_007 + requests * 101 + sticky * 7 + 1)
  const user = crypto.randomUUID()
  const budgets = Array.from({ length: isolates }, () => new Budget('read', limit, user))
  const seen: Seen = { requests: 0, calls: 0, refused: 0, admitted: 0, stranded: -limit, billed: 0 }
  const before = billed

  const ask = async (budget: Budget, waiting: 0 | 1, now: number) => {
    const asked = budget.ask(waiting, now)
    if (asked.waiting + asked.extra === 0) return 0
    seen.calls += 1
    const [granted, used] = await grant(`${user}:${asked.end}`, limit, asked.waiting + asked.extra)
    budget.receive(asked, granted, Math.max(0, limit - used))
    return granted
  }

  for (let minute = 1; minute <= minutes; minute++) {
    const held = budgets.map(() => ({ used: 0, granted: 0 }))
    const moments = Array.from({ length: requests }, draw).sort((a, b) => a - b)
    let [at, admitted] = [0, 0]
    for (const moment of moments) {
      if (draw() >= sticky) at = Math.floor(draw() * isolates)
      const [budget, hand] = [budgets[at] as Budget, held[at] as (typeof held)[0]]
      const now = (minute + moment) * MINUTE
      let isAdmitted = budget.take(now)
      if (isAdmitted) hand.granted += await ask(budget, 0, now)
      if (!isAdmitted && !budget.isSpent(now)) {
        const granted = await ask(budget, 1, now)
        hand.granted += granted
        isAdmitted = granted > 0
      }
      seen.requests += 1
      if (isAdmitted) {
        admitted += 1
        hand.used += 1
      } else seen.refused += 1
    }
    seen.admitted = Math.max(seen.admitted, admitted)
    for (const { used, granted } of held) seen.stranded = Math.max(seen.stranded, granted - 2 * used)
  }
  seen.billed = billed - before
  return seen
}

const ISOLATES = [1, 2, 4, 10, 20]
const STICKY = [0, 0.5, 0.9]

describe.each([
  ['reads', 100],
  ['writes', 30],
])('of %s', (_, limit) => {
  const loads = ISOLATES.flatMap((isolates) =>
    [0.01, 0.1, 0.3, 0.6, 0.8, 1, 1.5].flatMap((part) =>
      STICKY.map((sticky) => ({ limit, isolates, requests: Math.max(1, Math.floor(limit * part)), sticky })),
    ),
  )

  test('no minute admits more than its budget, and no isolate strands more than it used', async () => {
    for (const load of loads) {
      const seen = await simulate(load, 10)
      expect(seen.admitted, JSON.stringify(load)).toBeLessThanOrEqual(limit)
      expect(seen.stranded, JSON.stringify(load)).toBeLessThanOrEqual(0)
      expect(seen.calls, JSON.stringify(load)).toBeLessThanOrEqual(seen.requests)
    }
  })

  test('nobody is refused who uses no more than four fifths, over up to ten isolates', async () => {
    for (const load of loads.filter(({ isolates }) => isolates <= 10)) {
      if (load.requests > limit * 0.8) continue
      expect((await simulate(load, 40)).refused, JSON.stringify(load)).toBe(0)
    }
  })

  test('one isolate admits all of it, and not one more', async () => {
    for (const requests of [limit - 1, limit, limit + 1, 2 * limit]) {
      const seen = await simulate({ limit, isolates: 1, requests, sticky: 0 }, 3)
      expect(seen.refused).toBe(3 * Math.max(0, requests - limit))
    }
  })
})

test.each([
  [10, 0.45, 1],
  [30, 0.25, 0.6],
])(
  '%i reads a minute on one isolate cost so many calls, and billed commands, a request',
  async (requests, calls, billed) => {
    const seen = await simulate({ limit: 100, isolates: 1, requests, sticky: 0 }, 100)
    expect(seen.calls / seen.requests).toBeLessThanOrEqual(calls)
    expect(seen.billed / seen.requests).toBeLessThanOrEqual(billed)
  },
)

test('sixty leases of seven out of a hundred grant exactly a hundred, and what is given back can be had again', async () => {
  const key = crypto.randomUUID()
  const leases = await Promise.all(Array.from({ length: 60 }, () => grant(key, 100, 7)))
  expect(leases.reduce((sum, [granted]) => sum + granted, 0)).toBe(100)
  expect(leases.at(-1)).toEqual([0, 100])
  expect(await grant(key, 100, -30)).toEqual([-30, 70])
  expect(await grant(key, 100, 50)).toEqual([30, 100])
  expect(Number(await redis.send(['pttl', key]))).toBeGreaterThan(0)
})
