import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Sample } from './caller.ts'
import { verify } from './verify.ts'
import { startWorld, type World } from './world.ts'

/**
 * `npm run test:chaos`: users create, edit and delete while PostgreSQL, Redis and workerd are killed beside them; then
 * Redis stays away for a while; then nothing happens but load. At the end all that is stored is held against all that
 * was acknowledged.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    writes: { type: 'string', default: '20000' },
    /** Seconds without Redis. */
    outage: { type: 'string', default: '60' },
    /** Seconds of load, 80 % reads. */
    load: { type: 'string', default: '300' },
    connections: { type: 'string', default: '16' },
  },
})
const option = (name: keyof typeof values) => Number(values[name])
const faults: string[] = []

function report(name: string, value: unknown, isRight: boolean): void {
  console.log(`${isRight ? 'ok  ' : 'FAIL'}  ${name}: ${value}`)
  if (!isRight) faults.push(name)
}

/** Every user at work until `work` is over. */
async function underLoad(world: World, reads: number, work: () => Promise<void>): Promise<Sample[]> {
  const from = world.caller.samples.length
  let over = false
  const users = world.users.map(async (user) => {
    while (!over) await user.step({ reads })
  })
  await Promise.race([work(), Promise.all(users)]).finally(() => {
    over = true
  })
  await Promise.all(users)
  return world.caller.samples.slice(from)
}

const acknowledged = ({ users }: World) => users.reduce((sum, user) => sum + user.acknowledged, 0)
const p50 = (samples: Sample[]) =>
  samples.map(({ ms }) => ms).toSorted((a, b) => a - b)[samples.length >> 1] ?? 0

async function kills(world: World): Promise<void> {
  const { database, limiter, worker } = world
  const counts = new Map<string, number>()
  const victims = [database, limiter, worker]
  const samples = await underLoad(world, 0.15, async () => {
    for (let i = 0; i < option('kills') || acknowledged(world) < option('writes'); i += 1) {
      await sleep(500 + randomInt(2_000))
      if (i >= option('kills')) continue
      const victim = victims[i % victims.length] as (typeof victims)[number]
      // Every fourth of PostgreSQL's ends is that of one backend, which takes the others along.
      const isBackend = victim === database && i % 12 === 9
      const name = isBackend ? 'a backend' : victim.name
      counts.set(name, (counts.get(name) ?? 0) + 1)
      await (isBackend ? database.killBackend() : victim.kill())
      await sleep(randomInt(2_000))
      if (!isBackend) await victim.start()
    }
  })
  const killed = [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  report('killed', `${total} (${killed})`, total >= option('kills'))
  report('acknowledged writes', acknowledged(world), acknowledged(world) >= option('writes'))
  const unknown = world.users.reduce((sum, user) => sum + user.unknown, 0)
  const refused = samples.filter(({ status }) => status === 503).length
  console.log(`      ${samples.length} requests, ${refused} × 503, ${unknown} writes of unknown outcome`)
}

async function outage(world: World): Promise<void> {
  let [killedAt, backAt] = [0, 0]
  const samples = await underLoad(world, 0.8, async () => {
    await sleep(10_000)
    killedAt = Date.now()
    await world.limiter.kill()
    await sleep(option('outage') * 1000)
    await world.limiter.start()
    backAt = Date.now()
    await sleep(20_000)
  })
  const between = (from: number, to: number) => samples.filter(({ at }) => at >= from && at < to)
  const failed = samples.filter(({ status }) => status === 0 || status >= 400)
  report(`requests that failed in ${values.outage} s without Redis`, failed.length, failed.length === 0)
  const normal = p50(between(killedAt - 8_000, killedAt))
  const isNormal = (second: number) =>
    p50(between(backAt + second * 1000, backAt + (second + 3) * 1000)) <= normal * 1.25 + 1
  const second = Array.from({ length: 16 }, (_, second) => second).find(isNormal)
  report(`p50 is back at ${normal} ms, seconds after Redis`, second, second !== undefined)
  console.log(`      without Redis it was ${p50(between(killedAt, backAt))} ms`)
  const worst = Math.max(...samples.map(({ ms }) => ms))
  console.log(`      ${samples.length} requests, the slowest ${worst} ms`)
}

async function load(world: World): Promise<void> {
  const samples = await underLoad(world, 0.8, () => sleep(option('load') * 1000))
  const failed = samples.filter(({ status }) => status < 200 || status > 299)
  report(`answers other than 2xx in ${values.load} s of load`, failed.length, failed.length === 0)
  console.log(
    `      ${samples.length} requests, ${Math.round(samples.length / option('load'))} a second, p50 ${p50(samples)} ms`,
  )
}

async function compare(world: World): Promise<void> {
  // A statement that waits for a connection may wait for 5 s and then commit.
  await sleep(7_000)
  const { missing, twice, elsewhere } = verify(world.users, await world.stored())
  report('acknowledged and missing', missing.length, missing.length === 0)
  report('stored twice', twice.length, twice.length === 0)
  report("stored and nobody's, or another's", elsewhere.length, elsewhere.length === 0)
  const own = [...world.caller.faults, ...world.users.flatMap((user) => user.faults)]
  report('wrong, late or leaky answers', own.length, own.length === 0)
  for (const line of [...missing, ...twice, ...elsewhere, ...own].slice(0, 20)) console.log(`      ${line}`)
}

const world = await startWorld(option('connections'))
try {
  if (option('kills') > 0) await kills(world)
  if (option('outage') > 0) await outage(world)
  if (option('load') > 0) await load(world)
  await compare(world)
} finally {
  await world.close()
}
const leaks = world.leaks()
report('canaries in logs and errors', leaks.length, leaks.length === 0)
for (const line of leaks.slice(0, 5)) console.log(`      ${line.slice(0, 300)}`)
process.exitCode = faults.length > 0 ? 1 : 0
