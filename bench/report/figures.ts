import type { Extras } from '../measure/extras.ts'
import type { Operation } from '../measure/operations.ts'
import type { Population } from '../measure/population.ts'
import type { Series } from '../measure/rounds.ts'
import type { StackName } from '../world/stacks.ts'
import { cost } from './cost.ts'
import type { Results } from './results.ts'
import { type Estimate, estimate, fit } from './stats.ts'

/** By the names that budgets.json uses. */
export type Figures = Record<string, Estimate>

/** b of p50 = a + b × RTT, one a round. */
export function trips(p50: Record<number, number[]>): number[] {
  return lines(p50).map(({ b }) => b)
}

export function lines(p50: Record<number, number[]>): { a: number; b: number }[] {
  const rtts = Object.keys(p50).map(Number)
  const rounds = p50[rtts[0] as number]?.length ?? 0
  return Array.from({ length: rounds }, (_, round) =>
    fit(rtts.map((rtt) => [rtt, p50[rtt]?.[round] as number])),
  )
}

const ratios = (ours: readonly number[], theirs: readonly number[]) =>
  ours.map((value, round) => value / (theirs[round] as number))

export function figures({ measured, population, extras }: Results): Figures {
  const found: Figures = {}
  const note = (name: string, values: number[]) => {
    const figure = estimate(values)
    if (figure) found[name] = figure
  }
  noteRounds(measured ?? {}, note)
  for (const cell of population ?? []) notePopulation(cell, note)
  if (extras) noteExtras(extras, note)
  return found
}

type Note = (name: string, values: number[]) => void

function noteRounds(measured: NonNullable<Results['measured']>, note: Note): void {
  for (const [operation, series] of Object.entries(measured.worker ?? {}) as [Operation, Series][]) {
    note(`trips ${operation}`, trips(series.p50))
    for (const peer of ['floor', 'naive', 'fastify', 'express', 'fastapi', 'fastapi-lean'] as const) {
      const theirs = measured[peer]?.[operation]
      if (!theirs) continue
      note(`cpu ${operation} / ${peer}`, ratios(series.cpu, theirs.cpu))
      for (const rtt of Object.keys(series.p50).map(Number)) {
        note(`p50 ${operation} at ${rtt} / ${peer}`, ratios(series.p50[rtt] ?? [], theirs.p50[rtt] ?? []))
      }
    }
  }
}

function notePopulation(cell: Population, note: Note): void {
  const name = nameOf(cell)
  note(`redis calls, ${name}`, cell.toRedis)
  note(`redis billed, ${name}`, cell.billed)
  note(`database calls, ${name}`, cell.toDatabase)
  const { total, redis } = cost(cell)
  note(`cost of a million, ${name}`, [total])
  note(`cost of a million, redis, ${name}`, [redis])
  if (cell.memory.length >= 10) note(`memory growth, ${name}`, [growth(cell.memory)])
}

function noteExtras({ bundles, starts, firstRead, firstWrite }: Extras, note: Note): void {
  note('trips first-read', trips(firstRead))
  note('trips first-write', trips(firstWrite))
  note('bundle KiB', [bundles.worker])
  const { empty, naive, worker } = starts
  note(
    'start / naive',
    worker.map((ms, i) => (ms - (empty[i] as number)) / ((naive[i] as number) - (empty[i] as number))),
  )
}

/** Of one that may run as several. */
export const nameOf = ({ stack, processes }: { stack: StackName; processes: number }) =>
  stack === 'worker' ? `${processes} isolate${processes > 1 ? 's' : ''}` : stack

/** Of the peak, after the first fifth of the time. */
export const growth = (peaks: readonly number[]) => {
  const fifth = Math.floor(peaks.length / 5)
  return Math.max(...peaks.slice(fifth)) / Math.max(...peaks.slice(0, fifth)) - 1
}
