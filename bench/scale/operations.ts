import { randomUUID } from 'node:crypto'
import type { Measurement } from './explaining.ts'
import { middleOf, type Side, tasks } from './side.ts'

type Act = () => Promise<unknown>

/** What is prepared before the measurement, and the request that is measured. */
type Operation = (side: Side, user: number) => Promise<Act> | Act

const read =
  (path: string): Operation =>
  (side, user) =>
  () =>
    side.send(user, 'GET', path)

const aTask = () => ({
  title: `Write to customer ${randomUUID()}`,
  description: 'Ask for the delivery address.',
})

const anyOf = async (side: Side, user: number) => {
  const found = await tasks(side, user, 'limit=100')
  return found[Math.floor(Math.random() * found.length)]?.id as number
}

const patch =
  (changes: () => object): Operation =>
  async (side, user) => {
    const id = await anyOf(side, user)
    return () => side.send(user, 'PATCH', `/tasks/${id}`, changes())
  }

export const OPERATIONS: Record<string, Operation> = {
  'page: newest 50': read('/tasks?limit=50'),
  'page: 50 from the middle': async (side, user) => {
    const cursor = await middleOf(side, user)
    return () => side.send(user, 'GET', `/tasks?limit=50${cursor}`)
  },
  'page: newest 50 completed': read('/tasks?limit=50&completed=true'),
  'page: newest 20 open': read('/tasks?limit=20&completed=false'),
  get: async (side, user) => {
    const id = await anyOf(side, user)
    return () => side.send(user, 'GET', `/tasks/${id}`)
  },
  create: (side, user) => () => side.send(user, 'POST', '/tasks', aTask()),
  'create, Idempotency-Key': (side, user) => () =>
    side.send(user, 'POST', '/tasks', aTask(), { 'Idempotency-Key': randomUUID() }),
  'patch: title': patch(() => ({ title: aTask().title })),
  'patch: completed': async (side, user) => {
    const id = (await tasks(side, user, 'limit=20&completed=false')).at(-1)?.id
    return () => side.send(user, 'PATCH', `/tasks/${id}`, { completed: true })
  },
  'bulk-delete: 20': async (side, user) => {
    const ids = (await tasks(side, user, 'limit=20')).map(({ id }) => id)
    return () => side.send(user, 'POST', '/tasks/bulk-delete', { task_ids: ids })
  },
}

/** The operation's own statement: before it a write may ask whose session it is. */
export async function measured(side: Side, act: Act): Promise<Measurement> {
  const statements = await side.explaining.during(act)
  return statements.at(-1) as Measurement
}
