import { parseArgs } from 'node:util'
import { extras } from './measure/extras.ts'
import { type Cell, populate } from './measure/population.ts'
import { measure, type Plan } from './measure/rounds.ts'
import { assertSame } from './measure/same.ts'
import { twice } from './measure/twice.ts'
import { judge } from './report/budgets.ts'
import { machine, type Results, read, write } from './report/results.ts'
import { STACKS } from './world/stacks.ts'
import { startWorld } from './world/world.ts'

/** `npm run bench`: every stack, every operation, side by side; `-- --quick` for a first look. See README.md. */

const PARTS = ['rounds', 'population', 'extras']

interface Run extends Plan {
  name: string
  /** With a session each. So many that no load comes to the same one twice in a minute. */
  users: number
  /** Ours last: the lists of those before were shorter. */
  cells: Cell[]
  starts: number
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    rounds: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '10' },
    users: { type: 'string' },
    only: { type: 'string' },
  },
})

/** 93 requests a second: as many as two cores carry for the slowest stack, databases and load included. Fewer for a first look. */
const users = Number(values.users ?? (values.quick ? 200 : 400))
const cell = (stack: Cell['stack'], processes: number, minutes: number): Cell => ({
  ...{ stack, users, processes, minutes },
})

const full: Run = {
  name: 'full',
  users: 3000,
  rounds: Number(values.rounds),
  rtts: [0, 1, 5, 20, 80],
  seconds: (rtt) => (rtt < 20 ? 0.6 : rtt < 80 ? 1 : 1.7),
  loadSeconds: 2,
  cells: [
    ...(['fastapi', 'express', 'fastify', 'naive'] as const).map((stack) => cell(stack, 1, 1)),
    cell('worker', 4, 2),
    cell('worker', 1, Number(values.minutes)),
  ],
  starts: 15,
}

const quick: Run = {
  name: 'quick',
  users: 1500,
  rounds: 1,
  rtts: [0, 20, 80],
  seconds: () => 0.6,
  loadSeconds: 1,
  cells: [cell('worker', 4, 1), cell('worker', 1, 1)],
  starts: 3,
}

const run = values.quick ? quick : full
const say = (what: string) => console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`)
const parts = values.only?.split(',') ?? PARTS
if (!parts.every((part) => PARTS.includes(part))) throw new Error(`--only takes some of ${PARTS}`)

say('building, installing, filling the database')
const world = await startWorld(STACKS, run.users)
try {
  const today = new Date().toISOString().slice(0, 10)
  // A part by itself is measured anew beside what an earlier run found of the others.
  const earlier = values.only ? await read(run.name).catch(() => undefined) : undefined
  const results: Results = {
    ...earlier,
    command: `npm run bench${values.quick ? ' -- --quick' : ''}`,
    date: earlier ? `${earlier.date}, ${parts.join(' and ')} of ${today}` : today,
    machine: machine(),
    rounds: run.rounds,
    figures: {},
    skipped: world.skipped,
  }
  if (values.quick) world.skipped['memory growth, 1 isolate'] = 'it takes ten minutes'
  say('comparing the answers of all stacks, and spending their budgets')
  await assertSame(world)

  if (parts.includes('rounds')) {
    for await (results.measured of measure(world, run, say)) await write(run.name, results)
  }
  if (parts.includes('population')) {
    results.population = []
    for (const cell of run.cells) {
      say(`a population on ${cell.processes} × ${cell.stack}, ${cell.minutes} min`)
      const found = await twice(world, `the population on ${cell.processes} × ${cell.stack}`, () =>
        populate(world, cell),
      )
      if (found) results.population.push(found)
      await write(run.name, results)
    }
  }
  if (parts.includes('extras')) {
    say('starts, first reads, first writes')
    results.extras = await extras(world, run.starts)
  }
  await write(run.name, results)
  const past = (await judge(results)).filter(({ outcome }) => outcome === 'past')
  say(
    `bench/results/${run.name}.md is written; ${past.length === 0 ? 'every budget is held' : `past: ${past.map(({ name }) => name).join(', ')}`}`,
  )
} finally {
  await world.close()
}
