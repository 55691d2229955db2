import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Extras } from '../measure/extras.ts'
import type { Population } from '../measure/population.ts'
import type { Measured } from '../measure/rounds.ts'
import { chart } from './chart.ts'
import { type Figures, figures } from './figures.ts'
import { report } from './table.ts'

/** All that a run leaves behind, as far as it has come. */
export interface Results {
  command: string
  date: string
  machine: string
  rounds: number
  /** One connection, and many. */
  measured?: Measured
  population?: Population[]
  extras?: Extras
  figures: Figures
  /** What was left out, by the name of a stack, a figure or a measurement, and why. */
  skipped: Record<string, string>
}

const path = (name: string) => fileURLToPath(new URL(`../results/${name}`, import.meta.url))

export function machine(): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${cpu?.model.trim()}, ${memory} GiB, Linux, Node ${process.version.slice(1)}`
}

/** results/NAME.json for the check, NAME.md and NAME.svg for people. */
export async function write(name: string, results: Results): Promise<void> {
  results.figures = figures(results)
  await writeFile(path(`${name}.json`), `${JSON.stringify(results, rounded, 2)}\n`)
  await writeFile(path(`${name}.md`), await report(results, name))
  if (results.measured) await writeFile(path(`${name}.svg`), chart(results.measured))
  // The repository's formatter has the last word on every JSON file in it.
  const biome = fileURLToPath(new URL('../../node_modules/.bin/biome', import.meta.url))
  await promisify(execFile)(biome, ['format', '--write', '--no-errors-on-unmatched', path(`${name}.json`)])
}

export async function read(name: string): Promise<Results> {
  return JSON.parse(await readFile(path(`${name}.json`), 'utf8'), measuredOrNot)
}

const rounded = (_: string, value: unknown) =>
  typeof value === 'number' ? Number(value.toPrecision(5)) : value

/** JSON writes NaN, for a measurement that failed, as null. */
const measuredOrNot = (_: string, value: unknown) => (value === null ? Number.NaN : value)
