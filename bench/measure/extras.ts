import { build, gzipped } from '../world/build.ts'
import { cpuOf, memoryOf } from '../world/process.ts'
import { workerVars } from '../world/stacks.ts'
import { startWorkerd } from '../world/workerd.ts'
import type { World } from '../world/world.ts'
import { bearer, request, send } from './operations.ts'
import { CONNECTIONS, target } from './rounds.ts'
import { load } from './wrk.ts'

/** What is measured of this Worker alone, or of Workers at rest. */
export interface Extras {
  /** KiB, gzip. */
  bundles: { worker: number; naive: number }
  /** Milliseconds of CPU from the start of workerd to its first answer, one a round. */
  starts: Record<'empty' | 'naive' | 'worker', number[]>
  /** Milliseconds until the first read of a fresh isolate is answered: by round-trip time, one a round. */
  firstRead: Record<number, number[]>
  /** p50 of the newest 50, ms, one a round. */
  pages: { long: number[]; short: number[]; tasks: number }
  /** Bytes, the peak of each tenth of the time. */
  memory?: number[]
}

export async function bundleSizes(): Promise<Extras['bundles']> {
  return { worker: await gzipped(await build('worker')), naive: await gzipped(await build('naive')) }
}

export async function isolateStarts(world: World, rounds: number): Promise<Extras['starts']> {
  const starts: Extras['starts'] = { empty: [], naive: [], worker: [] }
  const names = ['empty', 'naive', 'worker'] as const
  const bundles = { empty: await build('empty'), naive: await build('naive'), worker: await build('worker') }
  // The first time reads the files from the disk.
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const app = await startWorkerd(bundles[name], workerVars(world.places))
      const cpu = (await cpuOf(app.pid)) / 1000
      if (round > 0) starts[name].push(cpu)
      await app.close()
    }
  }
  return starts
}

export async function firstReads(world: World, rtts: number[], rounds: number): Promise<Extras['firstRead']> {
  const times: Extras['firstRead'] = {}
  const bundle = await build('worker')
  const { reader } = world.data
  for (let round = 0; round < rounds; round += 1) {
    for (const rtt of rtts) {
      const app = await startWorkerd(bundle, workerVars(world.places))
      await world.upstreams.setRtt(rtt)
      const started = performance.now()
      const response = await send(app.url, bearer('worker', reader), request('get', reader))
      const taken = performance.now() - started
      if (!response.ok) throw new Error(`the first read was answered ${response.status}`)
      times[rtt] = [...(times[rtt] ?? []), taken]
      await world.upstreams.setRtt(0)
      await app.close()
    }
  }
  return times
}

export async function pages(world: World, rounds: number, tasks: number): Promise<Extras['pages']> {
  const times: Extras['pages'] = { long: [], short: [], tasks }
  const options = { ...target(world, 'worker', 'list-50'), connections: 1, seconds: 2 }
  const { hoarder, reader } = world.data
  await world.upstreams.setRtt(0)
  for (let round = 0; round < rounds; round += 1) {
    for (const [user, series] of [[hoarder, times.long] as const, [reader, times.short] as const]) {
      series.push((await load({ ...options, user, authorization: bearer('worker', user) })).p50)
    }
  }
  return times
}

/** The peak of resident memory in each tenth of a long mixed load. */
export async function soak(world: World, seconds: number): Promise<number[]> {
  const pid = world.apps.worker?.pid as number
  const peaks: number[] = Array(10).fill(0)
  const started = Date.now()
  const timer = setInterval(async () => {
    const tenth = Math.min(9, Math.floor((Date.now() - started) / (seconds * 100)))
    peaks[tenth] = Math.max(peaks[tenth] ?? 0, await memoryOf(pid).catch(() => 0))
  }, 500)
  const options = target(world, 'worker', 'patch')
  await load({ ...options, operation: 'mix', connections: CONNECTIONS, seconds }).finally(() =>
    clearInterval(timer),
  )
  return peaks
}
