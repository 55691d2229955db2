import type { Extras } from '../measure/extras.ts'
import type { Operation } from '../measure/operations.ts'
import type { Measured, Series } from '../measure/rounds.ts'
import type { StackName } from '../world/stacks.ts'
import { type Estimate, estimate, fit } from './stats.ts'

/** By the names that budgets.json uses. */
export type Figures = Record<string, Estimate>

/** b of p50 = a + b × RTT, one a round. */
export function trips({ p50 }: Pick<Series, 'p50'>): number[] {
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

export function figures(measured: Measured, extras: Extras): Figures {
  const found: Figures = {}
  const of = (stack: StackName, operation: Operation) => measured[stack]?.[operation]
  const note = (name: string, rounds: number[] | undefined) => {
    if (rounds && rounds.length > 0 && rounds.every(Number.isFinite)) found[name] = estimate(rounds)
  }

  for (const [operation, series] of Object.entries(measured.worker ?? {}) as [Operation, Series][]) {
    note(`trips ${operation}`, trips(series))
    note(`calls ${operation}`, [series.calls])
    for (const peer of ['floor', 'naive', 'fastify', 'express', 'fastapi', 'fastapi-lean'] as const) {
      const theirs = of(peer, operation)
      if (!theirs) continue
      note(`cpu ${operation} / ${peer}`, ratios(series.cpu, theirs.cpu))
      for (const rtt of Object.keys(series.p50).map(Number)) {
        note(`p50 ${operation} at ${rtt} / ${peer}`, ratios(series.p50[rtt] ?? [], theirs.p50[rtt] ?? []))
      }
    }
  }
  note('trips first-read', trips({ p50: extras.firstRead }))
  note('bundle KiB', [extras.bundles.worker])
  note('bundle / naive', [extras.bundles.worker / extras.bundles.naive])
  const { empty, naive, worker } = extras.starts
  note(
    'start / naive',
    worker.map((ms, i) => (ms - (empty[i] as number)) / ((naive[i] as number) - (empty[i] as number))),
  )
  note('page long / short', ratios(extras.pages.long, extras.pages.short))
  if (extras.memory) note('memory growth', [growth(extras.memory)])
  return found
}

/** Of the peak, after the first fifth of the time. */
export const growth = (peaks: readonly number[]) => {
  const [early, late] = [peaks.slice(0, 2), peaks.slice(2)].map((part) => Math.max(...part)) as [
    number,
    number,
  ]
  return late / early - 1
}
