import type { StackName } from '../world/stacks.ts'
import type { World } from '../world/world.ts'
import { introduce, latency, steady, throughput } from './load.ts'
import { OPERATIONS, type Operation, operationsOf } from './operations.ts'
import { twice } from './twice.ts'

export interface Plan {
  rounds: number
  rtts: number[]
  /** Of a latency measurement at this round-trip time, and of a throughput measurement. */
  seconds(rtt: number): number
  loadSeconds: number
}

/** One number a round, in the order of the rounds; NaN where it failed. */
export interface Series {
  /** By round-trip time, ms. */
  p50: Record<number, number[]>
  p95: Record<number, number[]>
  /** Of the app's process, µs a request. */
  cpu: number[]
  perSecond: number[]
}

export type Measured = Partial<Record<StackName, Partial<Record<Operation, Series>>>>

/** Yields what is there after each round. */
export async function* measure(
  world: World,
  plan: Plan,
  say: (what: string) => void,
): AsyncGenerator<Measured> {
  const stacks = Object.keys(world.apps) as StackName[]
  const measured: Measured = {}
  for (const stack of stacks) {
    measured[stack] = {}
    for (const operation of operationsOf(stack)) {
      measured[stack][operation] = { p50: {}, p95: {}, cpu: [], perSecond: [] }
    }
  }
  const cells = (operation: Operation) =>
    shuffled(stacks).flatMap((stack) => {
      const series = measured[stack]?.[operation]
      return series ? [{ stack, series }] : []
    })

  say('warming up')
  for (const stack of stacks) await twice(world, `warming ${stack} up`, () => warmUp(world, stack))
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const rtt of plan.rtts) {
      say(`round ${round} of ${plan.rounds}: latency at a round-trip time of ${rtt} ms`)
      for (const operation of OPERATIONS) {
        for (const { stack, series } of cells(operation)) {
          const name = `${operation} of ${stack} at ${rtt} ms, round ${round}`
          const visit = steady(operation)
          const found = await twice(world, name, () => latency(world, stack, visit, rtt, plan.seconds(rtt)))
          series.p50[rtt] = [...(series.p50[rtt] ?? []), found?.p50 ?? Number.NaN]
          series.p95[rtt] = [...(series.p95[rtt] ?? []), found?.p95 ?? Number.NaN]
        }
      }
    }
    say(`round ${round} of ${plan.rounds}: CPU and throughput`)
    for (const operation of OPERATIONS) {
      for (const { stack, series } of cells(operation)) {
        const name = `load of ${operation} on ${stack}, round ${round}`
        const found = await twice(world, name, () => throughput(world, stack, operation, plan.loadSeconds))
        series.cpu.push(found?.cpu ?? Number.NaN)
        series.perSecond.push(found?.perSecond ?? Number.NaN)
      }
    }
    yield measured
  }
}

async function warmUp(world: World, stack: StackName): Promise<void> {
  const { light, heavy } = world.data
  // The others remember nobody. A user's first write would cost this one a look-up that a real user's read has made before.
  if (stack === 'worker') await introduce(world.apps.worker?.url as string, stack, [...light, ...heavy])
  for (const operation of operationsOf(stack)) await throughput(world, stack, operation, 1)
}

const shuffled = <T>(items: readonly T[]): T[] =>
  items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
