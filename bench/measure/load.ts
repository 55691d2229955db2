import type { User } from '../world/data.ts'
import { cpuOf } from '../world/process.ts'
import type { StackName } from '../world/stacks.ts'
import type { World } from '../world/world.ts'
import { succeed } from './ask.ts'
import { isWrite, type Operation } from './operations.ts'

/** Closed loops: one connection for latency, some for CPU and throughput. */

/** What one user asks, one after the other: first what makes the state, then what is measured in it. */
export interface Visit {
  before: Operation[]
  measured: Operation[]
}

/** The third to the twentieth request of a user's minute: the user is known, and has a unit in hand. */
export const steady = (operation: Operation): Visit => ({
  before: isWrite(operation) ? ['patch', 'patch'] : ['get', 'get'],
  measured: Array(18).fill(operation),
})

/** The user is known, but has not written in this minute. */
export const FIRST_WRITE: Visit = { before: ['get'], measured: ['create'] }

export const CONNECTIONS = 16
/** However slow a stack is. */
const LEAST_SAMPLES = 4
/** Longer than any load: none begins later than so long before the end of a minute, when all budgets are new. */
const ROOM_MS = 5_000
const MINUTE_MS = 60_000

export async function latency(world: World, stack: StackName, visit: Visit, rtt: number, seconds: number) {
  const url = world.apps[stack]?.url as string
  const kind = visit.measured[0] as Operation
  const fastest = Math.max(rtt, kind === 'list-1000' ? 5 : 1)
  const count = Math.min(100, Math.ceil((seconds * 1000) / fastest / visit.measured.length))
  const users = Array.from({ length: count }, () => nextUser(world, stack, kind))
  await roomInMinute()
  await world.upstreams.setRtt(0)
  for (const user of users) {
    for (const operation of visit.before) await succeed(url, stack, user, operation)
  }
  await settled(world, rtt)
  const times: number[] = []
  const until = performance.now() + seconds * 1000
  const isOver = () => performance.now() > until && times.length >= LEAST_SAMPLES
  for (const user of users) {
    for (const operation of visit.measured) {
      if (isOver()) break
      const started = performance.now()
      await succeed(url, stack, user, operation)
      times.push(performance.now() - started)
    }
  }
  await settled(world, 0)
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95) }
}

/** As many users at once as connections. Each asks as often as a real one in a minute: ten reads or four writes. */
export async function throughput(
  world: World,
  stack: StackName,
  operation: Operation,
  seconds: number,
  connections = CONNECTIONS,
) {
  const { url, pid } = world.apps[stack] as { url: string; pid: number }
  await roomInMinute()
  await settled(world, 0)
  let requests = 0
  const before = await cpuOf(pid)
  const started = performance.now()
  const isOver = () => performance.now() > started + seconds * 1000
  const serve = async () => {
    while (!isOver()) {
      const user = nextUser(world, stack, operation)
      for (let left = isWrite(operation) ? 4 : 10; left > 0 && !isOver(); left -= 1) {
        await succeed(url, stack, user, operation)
        requests += 1
      }
    }
  }
  await allOf(Array.from({ length: connections }, serve))
  const perSecond = requests / ((performance.now() - started) / 1000)
  await settled(world, 0)
  return { cpu: ((await cpuOf(pid)) - before) / requests, perSecond }
}

/** All users ask once, so that each isolate and pool has seen them. */
export async function introduce(url: string, stack: StackName, users: readonly User[]): Promise<void> {
  const waiting = [...users]
  const serve = async () => {
    for (let user = waiting.pop(); user; user = waiting.pop()) await succeed(url, stack, user, 'get')
  }
  await allOf(Array.from({ length: 8 }, serve))
}

/** Waits for all, also when one fails: nothing is left running. */
async function allOf(running: Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(running)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

const turns = new Map<string, number>()

/** In turn, so that nobody comes again in the same minute: a budget that were spent would fail the load. */
function nextUser({ data }: World, stack: StackName, operation: Operation): User {
  const kind = operation === 'list-1000' ? 'heavy' : 'light'
  const turn = turns.get(`${stack} ${kind}`) ?? 0
  turns.set(`${stack} ${kind}`, turn + 1)
  return data[kind][turn % data[kind].length] as User
}

/** Waits until what was under way is over, as refills and roll-backs are after the answer; then sets this round-trip time. */
async function settled({ upstreams }: World, rtt: number): Promise<void> {
  let calls: number
  do {
    await sleep(60)
    const { toDatabase, toRedis } = await upstreams.setRtt(rtt)
    calls = toDatabase + toRedis
  } while (calls > 0)
}

export async function roomInMinute(ms = ROOM_MS): Promise<void> {
  const left = MINUTE_MS - (Date.now() % MINUTE_MS)
  if (left < ms) await sleep(left + 20)
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
