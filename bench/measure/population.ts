import type { User } from '../world/data.ts'
import { type App, cpuOf, cpuOfFamily, memoryOf } from '../world/process.ts'
import { type StackName, startStack } from '../world/stacks.ts'
import type { Calls } from '../world/upstreams.ts'
import type { World } from '../world/world.ts'
import { Refused, succeed } from './ask.ts'
import { introduce, percentile, sleep } from './load.ts'
import type { Operation } from './operations.ts'

export const READS = 10
export const WRITES = 4
/** Within a region. */
export const RTT = 1

const MINUTE_MS = 60_000
/** Of the requests, this part may fail other than by a refusal. */
const MAY_FAIL = 0.001
/** And this part may be sent so many ms after it was due: else it is the load that is measured. */
const MAY_BE_LATE = 0.01
const LATE_MS = 50

export interface Cell {
  stack: StackName
  users: number
  /** Requests go to each in turn. */
  processes: number
  minutes: number
}

/** One number a minute, of a request where nothing else is said. */
export interface Population extends Cell {
  toRedis: number[]
  billed: number[]
  toDatabase: number[]
  /** µs: of PostgreSQL's processes, and of the app's. */
  databaseCpu: number[]
  cpu: number[]
  /** Of all the minutes, ms, from when a request was due. */
  p50: number
  p95: number
  /** In all. */
  failed: number
  /** The share that was sent late. */
  late: number
  /** Bytes, the peak of each minute. */
  memory: number[]
}

/**
 * Users who each ask ten times and write four times a minute, at random times (the same for every stack), whatever
 * becomes of the requests before. What is left of a minute warms up; whole minutes of the clock are measured.
 */
export async function populate(world: World, cell: Cell): Promise<Population> {
  const { stack, processes } = cell
  const first = world.apps[stack] as App
  const others: App[] = []
  try {
    while (others.length < processes - 1) others.push(await startStack(stack, world.places))
    return await measure(world, cell, [first, ...others])
  } finally {
    for (const app of others) await app.close()
    await world.upstreams.setRtt(0)
  }
}

async function measure(world: World, cell: Cell, apps: App[]): Promise<Population> {
  const { stack, minutes } = cell
  const users = [...world.data.heavy.slice(0, cell.users / 15), ...world.data.light].slice(0, cell.users)
  const found: Population = {
    ...cell,
    ...{ toRedis: [], billed: [], toDatabase: [], databaseCpu: [], cpu: [] },
    ...{ p50: 0, p95: 0, failed: 0, late: 0, memory: Array(minutes).fill(0) },
  }
  await world.upstreams.setRtt(RTT)
  for (const { url } of apps) await introduce(url, stack, users)

  const start = Math.floor(Date.now() / MINUTE_MS)
  const times: number[] = []
  const delays: number[] = []
  const failures: Error[] = []
  const answers: Promise<unknown>[] = []
  const watch = setInterval(async () => {
    const minute = Math.floor(Date.now() / MINUTE_MS) - start - 1
    const bytes = await Promise.all(apps.map(({ pid }) => memoryOf(pid).catch(() => 0)))
    const peak = found.memory[minute]
    if (peak !== undefined) found.memory[minute] = Math.max(peak, total(bytes))
  }, 500)
  try {
    let turn = 0
    let before: Counts | undefined
    for (let minute = 0; minute <= minutes; minute += 1) {
      for (const { at, user, operation } of schedule(minute, users)) {
        const due = (start + minute) * MINUTE_MS + at
        if (minute === 0 && due < Date.now()) continue
        await sleepUntil(due)
        const delay = Math.max(0, Date.now() - due)
        const since = performance.now() - delay
        if (minute > 0) delays.push(delay)
        const { url } = apps[turn++ % apps.length] as App
        const answered = succeed(url, stack, user, operation).then(
          () => minute > 0 && times.push(performance.now() - since),
          (error) => failures.push(error),
        )
        answers.push(answered)
      }
      await sleepUntil((start + minute + 1) * MINUTE_MS)
      const after = await counts(world, apps)
      if (before) note(found, before, after)
      before = after
    }
  } finally {
    clearInterval(watch)
    await Promise.all(answers)
  }
  found.p50 = percentile(times, 0.5)
  found.p95 = percentile(times, 0.95)
  found.failed = failures.length
  found.late = delays.filter((ms) => ms > LATE_MS).length / delays.length
  const isRefused = failures.find((error) => error instanceof Refused)
  if (isRefused ?? failures.length > MAY_FAIL * answers.length) {
    throw new Error(`${failures.length} of ${answers.length} failed: ${(isRefused ?? failures[0])?.message}`)
  }
  if (found.late > MAY_BE_LATE) {
    const worst = Math.max(...delays).toFixed(0)
    throw new Error(`the load ran late: ${delays.length * found.late} of ${delays.length}, up to ${worst} ms`)
  }
  return found
}

interface Counts extends Calls {
  cpu: number
  databaseCpu: number
}

/** Calls since the last time, CPU since ever. */
async function counts({ upstreams, postmaster }: World, apps: App[]): Promise<Counts> {
  const cpu = total(await Promise.all(apps.map(({ pid }) => cpuOf(pid))))
  return { ...(await upstreams.setRtt(RTT)), cpu, databaseCpu: await cpuOfFamily(postmaster) }
}

export const perMinute = ({ users }: Cell) => users * (READS + WRITES)

function note(found: Population, before: Counts, after: Counts): void {
  const requests = perMinute(found)
  found.toRedis.push(after.toRedis / requests)
  found.billed.push(after.billed / requests)
  found.toDatabase.push(after.toDatabase / requests)
  found.databaseCpu.push((after.databaseCpu - before.databaseCpu) / requests)
  found.cpu.push((after.cpu - before.cpu) / requests)
}

interface Due {
  /** ms into the minute. */
  at: number
  user: User
  operation: Operation
}

/** Of a minute, by its number. */
function schedule(minute: number, users: readonly User[]): Due[] {
  const random = randomOf(minute)
  const read = (dice: number) => (dice < 0.65 ? 'get' : dice < 0.95 ? 'list-50' : 'list-1000')
  const write = (dice: number) => (dice < 0.5 ? 'create' : 'patch')
  return users
    .flatMap((user) =>
      Array.from({ length: READS + WRITES }, (_, i): Due => {
        const operation = i < READS ? read(random()) : write(random())
        return { at: random() * MINUTE_MS, user, operation }
      }),
    )
    .sort((a, b) => a.at - b.at)
}

/** 0 … 1, the same from the same seed: MINSTD, of Park and Miller. */
function randomOf(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (state * 48271) % 0x7fffffff
    return state / 0x7fffffff
  }
}

async function sleepUntil(moment: number): Promise<void> {
  const left = moment - Date.now()
  if (left > 0) await sleep(left)
}

const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0)
