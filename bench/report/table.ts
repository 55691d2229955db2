import { CONNECTIONS } from '../measure/load.ts'
import { OPERATIONS, type Operation } from '../measure/operations.ts'
import { type Population, perMinute, READS, RTT, WRITES } from '../measure/population.ts'
import type { Measured, Series } from '../measure/rounds.ts'
import { LABELS, STACKS, type StackName } from '../world/stacks.ts'
import { judge, type Verdict } from './budgets.ts'
import { BUSY, cost, isServer, month, PRICES } from './cost.ts'
import { growth, lines, trips } from './figures.ts'
import type { Results } from './results.ts'
import { confidence, type Estimate, estimate, median } from './stats.ts'

export async function report(results: Results, name: string): Promise<string> {
  const { command, date, machine, measured, population, extras, skipped } = results
  return `# Figures of ${date}

\`${command}\` on ${machine}: PostgreSQL, Redis, every stack and the load on this one machine. Limits are the real ones,
100 reads and 30 writes a user and minute, for every stack. Written by the run; [how](../README.md).

${[
  measured && rounds(results, measured, name),
  population?.length && minutes(population) + costs(population),
  `## Budgets\n\n${rows([['figure', 'goal', 'measured', ''], ...(await judge(results)).map(verdict)])}\n`,
  extras && besides(extras),
  Object.entries(skipped)
    .map(([what, why]) => `- Not in this run: ${what}, ${why}.\n`)
    .join(''),
]
  .filter(Boolean)
  .join('\n')}`
}

function rounds({ rounds }: Results, measured: Measured, name: string): string {
  const sure = Math.floor(confidence(rounds) * 100)
  return `## One connection, and many

${rounds} interleaved rounds, medians${rounds > 1 ? `; in brackets the interval that holds the median with ${sure} %` : ''}.
Latency is of one connection and of steady states: the user is known, and asks for the third to twentieth time in a minute.
b: trips one after the other, a: all else, of p50 = a + b × RTT. CPU: of the app's process, µs a request, at ${CONNECTIONS} connections,
on which each user asks ten times or writes four times, as is the throughput.

![p50 by round-trip time, and CPU](${name}.svg)

${OPERATIONS.map((operation) => table(measured, operation)).join('\n\n')}
`
}

function minutes(population: Population[]): string {
  const header = [
    'stack',
    'processes',
    'minutes',
    'calls to Redis',
    'billed commands',
    'calls to the database',
    'CPU of the database, µs',
    'CPU of the app, µs',
    'p50 / p95, ms',
    'failed, sent late',
  ]
  const line = (cell: Population) => [
    bold(cell.stack),
    `${cell.processes}`,
    `${cell.minutes}`,
    median(cell.toRedis).toFixed(2),
    isServer(cell) ? '–' : median(cell.billed).toFixed(2),
    median(cell.toDatabase).toFixed(2),
    median(cell.databaseCpu).toFixed(0),
    median(cell.cpu).toFixed(0),
    `${cell.p50.toFixed(1)} / ${cell.p95.toFixed(1)}`,
    `${cell.failed}, ${(cell.late * 100).toFixed(2)} %`,
  ]
  const perSecond = perMinute(population[0] as Population) / 60
  return `## A population

${population[0]?.users} users, each with ${READS} reads and ${WRITES} writes a minute at random times, whatever becomes of those before: ${perSecond.toFixed(0)} requests a
second, at a round-trip time of ${RTT} ms, in turn to each process. Of a request, in the median minute; nobody was refused.

${rows([header, ...population.map(line)])}

${population.map(memory).join('')}`
}

function memory({ stack, processes, memory }: Population): string {
  if (memory.length < 10) return ''
  const list = memory.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ')
  return `Peak of resident memory in each minute, ${LABELS[stack]}, ${processes} process: ${list} MiB; growth ${(growth(memory) * 100).toFixed(1)} %.\n\n`
}

function costs(population: Population[]): string {
  const dollars = (value: number) => value.toFixed(2)
  const line = (cell: Population) => {
    const { app, redis, database, total } = cost(cell)
    return [bold(cell.stack), `${cell.processes}`, ...[app, redis, database, total].map(dollars)]
  }
  const ours = population.find(({ stack, processes }) => stack === 'worker' && processes === 1)
  const server = ours && cost(ours).total - cost(ours).database
  return `## What a million of these requests cost

US dollars, list prices of November 2026 ([sources](../../docs/operator.md#what-a-month-costs)): Workers, Redis as you go, and Neon's computes, ${BUSY * 100} %
of whose paid time is assumed to be used. A server (assumed: ${PRICES.server} a month for two CPUs and 4 GB, with a Redis of its own) is paid for at
night too: here it has this load all month, ${(month(population[0] as Population) / 1e6).toFixed(0)} million requests. Without transfer, storage and logs.

${rows([['stack', 'processes', 'Workers or server', 'Redis', 'database', 'in all'], ...population.map(line)])}

${server ? `Below ${(PRICES.server / server).toFixed(0)} million requests a month this Worker, on one isolate, costs less than one such server.\n\n` : ''}`
}

function besides({ bundles, starts, firstRead, firstWrite }: NonNullable<Results['extras']>): string {
  const byRtt = (times: Record<number, number[]>) =>
    Object.entries(times)
      .map(([rtt, rounds]) => `${median(rounds).toFixed(1)} ms at RTT ${rtt}`)
      .join(', ')
  return `## Besides

- Bundle, gzip: ${bundles.worker.toFixed(1)} KiB, the naive Worker's ${bundles.naive.toFixed(1)} KiB.
- From the start of workerd to its first answer, CPU: ${median(starts.worker).toFixed(1)} ms, the naive Worker's ${median(starts.naive).toFixed(1)} ms, an empty one's ${median(starts.empty).toFixed(1)} ms.
- First read of a fresh isolate: ${byRtt(firstRead)}; trips: ${median(trips(firstRead)).toFixed(2)}.
- First write of a user's minute: ${byRtt(firstWrite)}; trips: ${median(trips(firstWrite)).toFixed(2)}.
`
}

const TITLES: Record<Operation, string> = {
  get: 'GET /tasks/{id}',
  'list-50': 'GET /tasks?limit=50',
  'list-1000': 'GET /tasks?limit=1000',
  create: 'POST /tasks',
  patch: 'PATCH /tasks/{id}',
}

function table(measured: Measured, operation: Operation): string {
  const present = STACKS.filter((stack) => measured[stack]?.[operation])
  const rtts = Object.keys(measured.worker?.[operation]?.p50 ?? {})
  const header = [
    'stack',
    'b',
    'a, ms',
    ...rtts.map((rtt) => `p50 / p95, ms, RTT ${rtt}`),
    'CPU, µs',
    'requests/s',
  ]
  return `### ${TITLES[operation]}

${rows([header, ...present.map((stack) => line(stack, measured[stack]?.[operation] as Series, rtts))])}`
}

const line = (stack: StackName, { p50, p95, cpu, perSecond }: Series, rtts: string[]): string[] => [
  bold(stack),
  median(trips(p50)).toFixed(2),
  median(lines(p50).map(({ a }) => a)).toFixed(1),
  ...rtts.map((rtt) => `${milliseconds(p50[Number(rtt)])} / ${milliseconds(p95[Number(rtt)])}`),
  bracketed(estimate(cpu), 0),
  bracketed(estimate(perSecond), 0),
]

const bold = (stack: StackName) => (stack === 'worker' ? `**${LABELS[stack]}**` : LABELS[stack])

const milliseconds = (rounds: number[] | undefined) => median(rounds ?? []).toFixed(1)

const verdict = ({ name, goal, found, outcome }: Verdict): string[] => [
  name,
  goal,
  bracketed(found, 3),
  outcome === 'past' ? '**past**' : outcome,
]

function bracketed(figure: Estimate | undefined, digits: number): string {
  if (!figure) return '–'
  const [value, low, high] = [figure.value, figure.low, figure.high].map((part) => part.toFixed(digits))
  return figure.low === figure.high ? `${value}` : `${value} [${low}, ${high}]`
}

/** A table of Markdown. */
export function rows([header = [], ...lines]: string[][]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [
    row(header),
    `|${header.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`,
    ...lines.map(row),
  ].join('\n')
}
