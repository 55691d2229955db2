import { median } from '../report/stats.ts'
import { cpuOf } from '../world/process.ts'
import type { StackName } from '../world/stacks.ts'
import type { World } from '../world/world.ts'
import { bearer, OPERATIONS, type Operation, operationsOf, request, send, userOf } from './operations.ts'
import { type LoadOptions, load } from './wrk.ts'

export interface Plan {
  rounds: number
  rtts: number[]
  /** Of a latency measurement at this round-trip time, and of a throughput measurement. */
  seconds(rtt: number): number
  loadSeconds: number
}

/** One number a round, in the order of the rounds. */
export interface Series {
  /** By round-trip time, ms. */
  p50: Record<number, number[]>
  p95: Record<number, number[]>
  /** Of the app's process, µs a request. */
  cpu: number[]
  perSecond: number[]
  /** To the upstreams, a request. */
  calls: number
}

export type Measured = Partial<Record<StackName, Partial<Record<Operation, Series>>>>

export const CONNECTIONS = 16
const COUNTED = 31

export async function measure(world: World, plan: Plan, say: (what: string) => void): Promise<Measured> {
  const stacks = Object.keys(world.apps) as StackName[]
  const stacksWith = (operation: Operation) =>
    shuffled(stacks.filter((stack) => operationsOf(stack).includes(operation)))
  const measured = await warmUp(world, stacks)
  const series = (stack: StackName, operation: Operation) => measured[stack]?.[operation] as Series

  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const rtt of plan.rtts) {
      say(`round ${round} of ${plan.rounds}: latency at a round-trip time of ${rtt} ms`)
      for (const operation of OPERATIONS) {
        for (const stack of stacksWith(operation)) {
          const { p50, p95 } = series(stack, operation)
          const options = { ...target(world, stack, operation), connections: 1, seconds: plan.seconds(rtt) }
          const found = await faithful(world, stack, rtt, options)
          p50[rtt] = [...(p50[rtt] ?? []), found.p50]
          p95[rtt] = [...(p95[rtt] ?? []), found.p95]
        }
      }
    }
    say(`round ${round} of ${plan.rounds}: ${CONNECTIONS} connections`)
    for (const operation of OPERATIONS) {
      for (const stack of stacksWith(operation)) {
        const { cpu, perSecond } = series(stack, operation)
        const options = {
          ...target(world, stack, operation),
          connections: CONNECTIONS,
          seconds: plan.loadSeconds,
        }
        const found = await faithful(world, stack, 0, options)
        cpu.push(found.cpu)
        perSecond.push(found.requests / found.seconds)
      }
    }
  }
  return measured
}

async function warmUp(world: World, stacks: StackName[]): Promise<Measured> {
  const measured: Measured = {}
  for (const stack of stacks) {
    for (const operation of operationsOf(stack)) {
      await load({ ...target(world, stack, operation), connections: CONNECTIONS, seconds: 2 })
      await settled(world, 0)
    }
  }
  // Longer than any breaker that the sudden load may have opened.
  await sleep(12_000)
  for (const stack of stacks) {
    measured[stack] = {}
    for (const operation of operationsOf(stack)) {
      const calls = await count(world, stack, operation)
      measured[stack][operation] = { p50: {}, p95: {}, cpu: [], perSecond: [], calls }
    }
  }
  return measured
}

/** Calls to all upstreams a request, in the median of some, each by itself: now and then a pool connects or prepares. */
async function count(world: World, stack: StackName, operation: Operation): Promise<number> {
  const { url, authorization, user } = target(world, stack, operation)
  await settled(world, 0)
  const counts: number[] = []
  for (let i = 0; i < COUNTED; i += 1) {
    await (await send(url, authorization, request(operation, user))).arrayBuffer()
    // Some roll back when they have answered.
    await sleep(30)
    counts.push((await world.upstreams.setRtt(0)).calls)
  }
  return median(counts)
}

/** The others answer an error when Redis fails them. */
const MAY_SKIP_LIMITER: StackName[] = ['worker', 'naive']

/** A load under which every request asked the limiter: a stack that left it out is measured again. */
async function faithful(world: World, stack: StackName, rtt: number, options: LoadOptions) {
  const pid = world.apps[stack]?.pid as number
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await world.upstreams.setRtt(rtt)
    const before = await cpuOf(pid)
    const found = await load(options)
    const cpu = ((await cpuOf(pid)) - before) / found.requests
    const asked = await settled(world, rtt)
    const skipped = MAY_SKIP_LIMITER.includes(stack) && asked < 0.98 * found.requests
    if (found.requests > 0 && !skipped) return { ...found, cpu }
    await sleep(12_000)
  }
  throw new Error(`${stack} did not answer ${options.operation} or left its limiter out, three times over`)
}

/** Waits until what the load had under way is over, and says how often Upstash was asked since the last wait. */
async function settled(world: World, rtt: number): Promise<number> {
  let asked = 0
  let calls: number
  do {
    await sleep(60 + 2 * rtt)
    const report = await world.upstreams.setRtt(rtt)
    asked += report.toUpstash
    calls = report.calls
  } while (calls > 0)
  return asked
}

export function target(world: World, stack: StackName, operation: Operation) {
  const user = userOf(operation, world.data)
  const url = world.apps[stack]?.url as string
  return { url, authorization: bearer(stack, user), operation, user } satisfies Partial<LoadOptions>
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
