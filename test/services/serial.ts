/** What the API promises of one request after another, to hold histories of concurrent requests against. */

export type Operation =
  | { kind: 'patch'; row: number; title: string; asItWas: boolean }
  | { kind: 'delete'; row: number; asItWas: boolean }
  | { kind: 'bulk-delete'; rows: number[] }

export interface Outcome {
  status: number
  title?: string
  /** Whether the task is another than it was before all operations. */
  changed?: boolean
  deleted?: number[]
}

type Tasks = ReadonlyMap<number, { title: string; version: number }>

/** In how many orders the operations, one by one, give these outcomes and leave these tasks. */
export function explains(operations: Operation[], outcomes: Outcome[], left: Tasks): number {
  const start = new Map([0, 1, 2].map((row) => [row, { title: 'canary', version: 1 }]))
  return orders(
    operations.map((operation, i) => [operation, outcomes[i] as Outcome]),
    start,
    left,
  )
}

function orders(rest: [Operation, Outcome][], tasks: Tasks, left: Tasks): number {
  if (rest.length === 0) return equal([...tasks], [...left]) ? 1 : 0
  let count = 0
  for (const [i, [operation, outcome]] of rest.entries()) {
    const [expected, after] = apply(operation, tasks)
    if (equal(expected, outcome)) count += orders(rest.toSpliced(i, 1), after, left)
  }
  return count
}

function apply(operation: Operation, tasks: Tasks): [Outcome, Tasks] {
  const after = new Map(tasks)
  if (operation.kind === 'bulk-delete') {
    const deleted = operation.rows.filter((row) => after.delete(row)).toSorted()
    return [{ status: 200, deleted }, after]
  }
  const task = tasks.get(operation.row)
  if (!task) return [{ status: 404 }, tasks]
  if (operation.asItWas && task.version !== 1) return [{ status: 412 }, tasks]
  if (operation.kind === 'delete') {
    after.delete(operation.row)
    return [{ status: 204 }, after]
  }
  const { title } = operation
  const version = title === task.title ? task.version : task.version + 1
  after.set(operation.row, { title, version })
  return [{ status: 200, changed: version > 1, title }, after]
}

/** JSON with the keys in order, so that equal values are equal texts. */
const text = (value: unknown) =>
  JSON.stringify(value, (_, member) =>
    member && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
const equal = (a: unknown, b: unknown) => text(a) === text(b)
