import { parseArgs } from 'node:util'
import { bundleSizes, type Extras, firstReads, isolateStarts, pages, soak } from './measure/extras.ts'
import { measure, type Plan } from './measure/rounds.ts'
import { assertSame } from './measure/same.ts'
import { installWrk } from './measure/wrk.ts'
import { judge } from './report/budgets.ts'
import { figures } from './report/figures.ts'
import { machine, type Results, write } from './report/results.ts'
import { STACKS } from './world/stacks.ts'
import { startWorld } from './world/world.ts'

/** `npm run bench`: every stack, every operation, side by side; `-- --quick` for a first look. See README.md. */

interface Run extends Plan {
  name: string
  hoard: number
  soakSeconds: number
  starts: number
}

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, rounds: { type: 'string' } } })

const full: Run = {
  name: 'full',
  rounds: Number(values.rounds ?? 5),
  rtts: [0, 1, 5, 20, 80],
  seconds: (rtt) => (rtt > 20 ? 2 : 1),
  loadSeconds: 2,
  hoard: 1_000_000,
  soakSeconds: 600,
  starts: 15,
}

const quick: Run = {
  ...full,
  name: 'quick',
  rounds: Number(values.rounds ?? 1),
  rtts: [0, 20, 80],
  seconds: () => 1,
  loadSeconds: 1,
  hoard: 20_000,
  soakSeconds: 0,
  starts: 3,
}

const run = values.quick ? quick : full
const say = (what: string) => console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`)

await installWrk()
say('building, installing, filling the database')
const world = await startWorld(STACKS, run.hoard)
try {
  const urls = Object.fromEntries(Object.entries(world.apps).map(([name, { url }]) => [name, url]))
  await assertSame(urls, world.data)
  say('all stacks give the same answers; warming up')
  const measured = await measure(world, run, say)
  say('starts, first reads, long histories')
  const extras: Extras = {
    bundles: await bundleSizes(),
    starts: await isolateStarts(world, run.starts),
    firstRead: await firstReads(world, [0, 20, 80], run.starts),
    pages: await pages(world, run.rounds, run.hoard),
  }
  const skipped = { ...world.skipped }
  if (run.soakSeconds > 0) {
    say(`memory, over ${run.soakSeconds} s of mixed load`)
    extras.memory = await soak(world, run.soakSeconds)
  } else {
    skipped['memory growth'] = 'it takes ten minutes'
  }
  const results: Results = {
    command: `npm run bench${values.quick ? ' -- --quick' : ''}`,
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    rounds: run.rounds,
    measured,
    extras,
    figures: figures(measured, extras),
    skipped,
  }
  await write(run.name, results)
  const past = (await judge(results)).filter(({ outcome }) => outcome === 'past')
  say(
    `bench/results/${run.name}.md is written; ${past.length === 0 ? 'every budget is held' : `past: ${past.map(({ name }) => name).join(', ')}`}`,
  )
} finally {
  await world.close()
}
