import { hc } from 'hono/client'
import {
  type AppType,
  NoAnswer,
  NotTheApi,
  newKey,
  Refused,
  SignedOut,
  type Task,
  tasksClient,
} from 'tasks-api-client'

/** What a frontend would write; compiled in fresh projects, where each line that must not compile has to fail. */

const api = tasksClient({
  url: 'https://api.example.com',
  token: async () => 'token',
  onSignedOut: () => undefined,
  onWait: (seconds, status) => void [seconds.toFixed(), status.toFixed()],
})

export async function everyOperation(signal: AbortSignal): Promise<Task[]> {
  const { task, etag } = await api.create({ title: 'Buy milk' }, { key: newKey(), signal })
  const read = await api.get(task.id)
  const changed = await api.update(task.id, { completed: true, description: null }, { etag: read.etag })
  const title: string = changed.task.title
  const description: string | null = changed.task.description
  const { tasks, cursor } = await api.page({ completed: false, limit: 50 }, { signal })
  if (cursor) tasks.push(...(await api.page({ cursor })).tasks)
  for await (const { id } of api.list({ completed: true })) await api.remove(id, { etag })
  const { deleted, not_found } = await api.removeMany([task.id])
  const ids: number[] = [...deleted, ...not_found]

  // @ts-expect-error: a title is text
  await api.create({ title: 1 })
  // @ts-expect-error: an id is a number
  await api.get('1')
  // @ts-expect-error: nobody may name the owner
  await api.update(task.id, { user_id: 'me' })
  // @ts-expect-error: tasks have no such member, and are not `any`
  task.priority
  return ids.length > 0 ? [task] : [{ ...task, title, description }]
}

export function words(error: unknown): string {
  if (error instanceof SignedOut) return 'Sign in again'
  if (error instanceof NoAnswer) return 'You seem to be offline'
  if (error instanceof NotTheApi) return `Status ${error.status.toFixed()}`
  if (!(error instanceof Refused)) throw error
  const { problem } = error
  if (problem.status === 400) return problem.errors.map(({ field, code }) => field + code).join()
  if (problem.status === 429) return `Wait ${problem.retry_after.toFixed()} seconds`
  // @ts-expect-error: only a 400 says which fields
  problem.errors
  return problem.detail
}

/** The typed routes underneath. */
export async function underneath() {
  const response = await hc<AppType>('https://api.example.com').tasks.$post({ json: { title: 'Buy milk' } })
  // @ts-expect-error: a title is needed
  await hc<AppType>('https://api.example.com').tasks.$post({ json: {} })
  return response.status === 201 ? (await response.json()).id.toFixed() : response.status.toFixed()
}
