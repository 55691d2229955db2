import { type Estimate, estimate, median } from '../report/stats.ts'
import { rows as markdown } from '../report/table.ts'
import type { Measurement } from './explaining.ts'
import type { Hot, Owner, Pair, Purge, Relation } from './measure.ts'
import type { Variants } from './variants.ts'

export interface Results {
  date: string
  machine: string
  settings: { version: string; buffers: string }
  rows: Record<'large' | 'small', number>
  users: Record<'large' | 'small', number>
  sizes: Record<'large' | 'small', Relation[]>
  operations: Record<Owner, Record<string, Pair[]>>
  hot: Record<'title' | 'completed', Hot>
  /** Seconds. */
  vacuum: number
  purge: Purge
  variants: Variants
}

const count = (n: number) => Math.round(n).toLocaleString('en')
const of = <T>(list: T[], take: (item: T) => number) => median(list.map(take))

export function report(results: Results): string {
  const { rows, users, settings, operations, sizes, purge, hot, variants } = results
  return `# Scale: figures of ${results.date}

\`npm run bench:scale\` on ${results.machine}; PostgreSQL ${settings.version} with
shared_buffers of ${settings.buffers}, far less than the table has.
Two databases with the real migrations: ${count(rows.large)} tasks of ${count(users.large)} users and one more, ${count(rows.small)} of ${count(users.small)} and one more. The
one more has every twenty-first task: ${count(rows.large / 21)} and ${count(rows.small / 21)}. Requests go through the Worker; each statement it sends is
explained twice and rolled back, then run. Large and small take turns; figures are medians. Written by the run;
[what follows from it](../../docs/scale.md).

${Object.entries(operations)
  .map(([owner, found]) => `## A user with ${owner}\n\n${operationsTable(found)}`)
  .join('\n\n')}

Buffers: pages of 8 KiB that the second run touches, all of them cached by then; first: those that the first run read from outside
PostgreSQL's own cache, and its time. Time: execution, by PostgreSQL's own clock; ratio: large by small, pair by pair, in brackets
where it lies with 95 %; with planning: the same of both times together. WAL: bytes that the second run writes.

Plans, without the session's own two look-ups:

${plans(operations)}

## Sizes

${sizesTable(sizes, rows)}

Bytes each: of a task, a key, a session, a user. Depth: pages from the root to a leaf. These indexes were built at once; after ${count(variants.grown.rows)} rows that came one by one:

${table(
  ['index', 'bytes a task', 'leaves full, %'],
  variants.grown.relations
    .filter(({ depth }) => depth)
    .map(({ name, bytes, density }) => [
      name,
      (bytes / variants.grown.rows).toFixed(1),
      `${density?.toFixed(0)}`,
    ]),
)}

## Updates and vacuum

${table(
  ['patches of random tasks', 'counted', 'HOT'],
  [
    ['title', `${hot.title.patches}`, percent(hot.title)],
    ['title, fillfactor 90', `${variants.fillfactor.title.patches}`, percent(variants.fillfactor.title)],
    ['completed', `${hot.completed.patches}`, percent(hot.completed)],
  ],
)}

A vacuum of the large table after that, through all of its indexes: ${results.vacuum.toFixed(1)} s. (PostgreSQL leaves the indexes alone where fewer
than one page in fifty has a row to forget.)

## The hourly purge

${operationsTable({ 'a batch of 10,000 keys': purge.pairs })}

On the large table the purge itself deleted ${count(purge.large.keys)} keys in ${purge.large.seconds.toFixed(1)} s: ${count(purge.large.keys / purge.large.seconds)} a second.
Plan: ${purge.pairs[0]?.large.plan}.

## In partitions

The small table's rows, in one table and in pieces; buffers, then planning and execution in ms:

${partitionsTable(variants.partitions)}
`
}

function operationsTable(found: Record<string, Pair[]>): string {
  return table(
    [
      'operation',
      'buffers',
      'beside',
      'more',
      'ms',
      'beside',
      'ratio',
      'with planning',
      'first: reads',
      'ms',
      'beside',
      'WAL',
    ],
    Object.entries(found).map(([name, pairs]) => {
      const [large, small] = [pairs.map((pair) => pair.large), pairs.map((pair) => pair.small)]
      const buffers = [large, small].map((side) => of(side, ({ again }) => again.buffers)) as [number, number]
      const ratios = pairs.map((pair) => pair.large.again.ms / pair.small.again.ms)
      const { value, low, high } = estimate(ratios) as Estimate
      const whole = ({ again }: Pair['large']) => again.ms + again.planning
      return [
        name,
        ...buffers.map(count),
        count(buffers[0] - buffers[1]),
        ...[large, small].map((side) => of(side, ({ again }) => again.ms).toFixed(3)),
        `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`,
        of(pairs, (pair) => whole(pair.large) / whole(pair.small)).toFixed(2),
        count(of(large, ({ first }) => first.read)),
        ...[large, small].map((side) => of(side, ({ first }) => first.ms).toFixed(2)),
        count(of(large, ({ again }) => again.wal)),
      ]
    }),
  )
}

/** One line a plan; of an operation that has more than one, with how often each came. */
function plans(operations: Results['operations']): string {
  const names = Object.keys(Object.values(operations)[0] ?? {})
  return names
    .map((name) => {
      const pairs = Object.values(operations).flatMap((found) => found[name] ?? [])
      const counts = new Map<string, number>()
      for (const plan of pairs.flatMap(({ large, small }) => [large.plan, small.plan]))
        counts.set(plan, (counts.get(plan) ?? 0) + 1)
      const told = [...counts].map(([plan, times]) => (counts.size > 1 ? `${plan} (${times} times)` : plan))
      return `- ${name}: ${told.join('; ')}`
    })
    .join('\n')
}

function sizesTable(sizes: Results['sizes'], rows: Results['rows']): string {
  const lines = sizes.large.map((relation) => {
    const small = sizes.small.find(({ name }) => name === relation.name)
    const each = relation.name.startsWith('tasks') ? rows.large : relation.rows
    return [
      relation.name,
      count(relation.rows),
      (relation.bytes / 2 ** 20).toFixed(0),
      (relation.bytes / each).toFixed(1),
      `${relation.depth ?? ''}`,
      relation.density?.toFixed(0) ?? '',
      ((small?.bytes ?? 0) / 2 ** 20).toFixed(1),
      `${small?.depth ?? ''}`,
    ]
  })
  return table(
    ['relation', 'rows', 'MiB', 'bytes each', 'depth', 'leaves full, %', 'small: MiB', 'depth'],
    lines,
  )
}

function partitionsTable(partitions: Variants['partitions']): string {
  const names = Object.keys(Object.values(partitions)[0] ?? {})
  const cell = (found: Measurement[] = []) =>
    [
      count(of(found, ({ again }) => again.buffers)),
      of(found, ({ again }) => again.planning).toFixed(2),
      of(found, ({ again }) => again.ms).toFixed(2),
    ].join(' / ')
  return table(
    ['', ...Object.keys(partitions)],
    names.map((name) => [name, ...Object.values(partitions).map((found) => cell(found[name]))]),
  )
}

const percent = ({ hot, patches }: Hot) => `${((100 * hot) / patches).toFixed(0)} %`

const table = (header: string[], lines: string[][]): string => markdown([header, ...lines])
