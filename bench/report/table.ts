import { OPERATIONS, type Operation } from '../measure/operations.ts'
import { CONNECTIONS, type Series } from '../measure/rounds.ts'
import { LABELS, STACKS, type StackName } from '../world/stacks.ts'
import { judge, type Verdict } from './budgets.ts'
import { growth, lines, trips } from './figures.ts'
import type { Results } from './results.ts'
import { confidence, type Estimate, estimate, median } from './stats.ts'

export async function report(results: Results, name: string): Promise<string> {
  const { command, date, machine, rounds, extras, skipped } = results
  const sure = Math.floor(confidence(rounds) * 100)
  return `# Figures of ${date}

\`${command}\` on ${machine}: PostgreSQL, Redis, every stack and the load on this one machine, ${rounds} interleaved rounds,
medians${rounds > 1 ? `; in brackets the interval that holds the median with ${sure} %` : ''}. Written by the run; [how](../README.md).

![p50 by round-trip time, and CPU](${name}.svg)

${OPERATIONS.map((operation) => table(results, operation)).join('\n\n')}

b: trips one after the other, a: all else, of p50 = a + b × RTT. Calls: to PostgreSQL and Redis a request, counted in
front of them. CPU: of the app's process, µs a request, at ${CONNECTIONS} connections, as is the throughput.

## Budgets

${rows([['figure', 'goal', 'measured', ''], ...(await judge(results)).map(verdict)])}

## Besides

- Bundle, gzip: ${extras.bundles.worker.toFixed(1)} KiB, the naive Worker's ${extras.bundles.naive.toFixed(1)} KiB.
- From the start of workerd to its first answer, CPU: ${median(extras.starts.worker).toFixed(1)} ms, the naive Worker's ${median(extras.starts.naive).toFixed(1)} ms, an empty one's ${median(extras.starts.empty).toFixed(1)} ms.
- First read of a fresh isolate: ${Object.entries(extras.firstRead)
    .map(([rtt, times]) => `${median(times).toFixed(0)} ms at RTT ${rtt}`)
    .join(', ')}.
- Newest 50 tasks of a user with ${extras.pages.tasks} tasks: p50 ${median(extras.pages.long).toFixed(2)} ms; with 1000: ${median(extras.pages.short).toFixed(2)} ms.
${memory(extras.memory)}${Object.entries(skipped)
  .map(([name, why]) => `- Not in this run: ${name}, ${why}.\n`)
  .join('')}`
}

function memory(peaks: number[] | undefined): string {
  if (!peaks) return ''
  const list = peaks.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ')
  return `- Peak of resident memory in each tenth of a long mixed load: ${list} MiB; growth ${(growth(peaks) * 100).toFixed(1)} %.\n`
}

const TITLES: Record<Operation, string> = {
  get: 'GET /tasks/{id}',
  'list-50': 'GET /tasks?limit=50',
  'list-1000': 'GET /tasks?limit=1000',
  create: 'POST /tasks',
  patch: 'PATCH /tasks/{id}',
}

function table({ measured }: Results, operation: Operation): string {
  const present = STACKS.filter((stack) => measured[stack]?.[operation])
  const rtts = Object.keys(measured.worker?.[operation]?.p50 ?? {})
  const header = [
    'stack',
    'b',
    'a, ms',
    'calls',
    ...rtts.map((rtt) => `p50 / p95, ms, RTT ${rtt}`),
    'CPU, µs',
    'requests/s',
  ]
  return `## ${TITLES[operation]}

${rows([header, ...present.map((stack) => line(stack, measured[stack]?.[operation] as Series, rtts))])}`
}

const line = (stack: StackName, series: Series, rtts: string[]): string[] => [
  stack === 'worker' ? `**${LABELS[stack]}**` : LABELS[stack],
  median(trips(series)).toFixed(2),
  median(lines(series.p50).map(({ a }) => a)).toFixed(1),
  `${series.calls}`,
  ...rtts.map((rtt) => `${milliseconds(series.p50[Number(rtt)])} / ${milliseconds(series.p95[Number(rtt)])}`),
  bracketed(estimate(series.cpu), 0),
  bracketed(estimate(series.perSecond), 0),
]

const milliseconds = (rounds: number[] | undefined) => median(rounds ?? []).toFixed(1)

const verdict = ({ name, goal, found, outcome }: Verdict): string[] => [
  name,
  goal,
  found ? bracketed(found, 3) : '–',
  outcome === 'past' ? '**past**' : outcome,
]

const bracketed = ({ value, low, high }: Estimate, digits: number) =>
  low === high
    ? value.toFixed(digits)
    : `${value.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`

function rows([header = [], ...lines]: string[][]): string {
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [
    row(header),
    `|${header.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`,
    ...lines.map(row),
  ].join('\n')
}
