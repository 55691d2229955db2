import { build, gzipped } from '../world/build.ts'
import type { User } from '../world/data.ts'
import { cpuOf } from '../world/process.ts'
import { workerVars } from '../world/stacks.ts'
import { startWorkerd } from '../world/workerd.ts'
import type { World } from '../world/world.ts'
import { succeed } from './ask.ts'
import { FIRST_WRITE, latency } from './load.ts'
import { twice } from './twice.ts'

/** What is measured of this Worker alone, or of Workers at rest. */
export interface Extras {
  /** KiB, gzip. */
  bundles: { worker: number; naive: number }
  /** Milliseconds of CPU from the start of workerd to its first answer, one a round. */
  starts: Record<'empty' | 'naive' | 'worker', number[]>
  /** Milliseconds, by round-trip time, one a round: the first read of a fresh isolate, and p50 of users' first writes of a minute. */
  firstRead: Record<number, number[]>
  firstWrite: Record<number, number[]>
}

const RTTS = [0, 20, 80]

export async function extras(world: World, rounds: number): Promise<Extras> {
  return {
    bundles: { worker: await gzipped(await build('worker')), naive: await gzipped(await build('naive')) },
    starts: await isolateStarts(world, rounds),
    firstRead: await byRtt(world, 'first read', rounds, (rtt) => firstRead(world, rtt)),
    firstWrite: await byRtt(
      world,
      'first write',
      rounds,
      async (rtt) => (await latency(world, 'worker', FIRST_WRITE, rtt, 0.5)).p50,
    ),
  }
}

async function isolateStarts(world: World, rounds: number): Promise<Extras['starts']> {
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

async function byRtt(world: World, name: string, rounds: number, measure: (rtt: number) => Promise<number>) {
  const times: Record<number, number[]> = {}
  for (let round = 1; round <= rounds; round += 1) {
    for (const rtt of RTTS) {
      const found = await twice(world, `${name} at ${rtt} ms, round ${round}`, () => measure(rtt))
      times[rtt] = [...(times[rtt] ?? []), found ?? Number.NaN]
    }
  }
  return times
}

async function firstRead(world: World, rtt: number): Promise<number> {
  const app = await startWorkerd(await build('worker'), workerVars(world.places))
  try {
    await world.upstreams.setRtt(rtt)
    const started = performance.now()
    await succeed(app.url, 'worker', world.data.light[0] as User, 'get')
    return performance.now() - started
  } finally {
    await world.upstreams.setRtt(0)
    await app.close()
  }
}
