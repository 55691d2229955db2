import { isDeepStrictEqual } from 'node:util'
import type { Data } from '../world/data.ts'
import type { StackName } from '../world/stacks.ts'
import { bearer, OPERATIONS, type Operation, request, send, userOf } from './operations.ts'

interface Task {
  id: number
  user_id: string
  title: string
  description: string | null
  completed: boolean
  created_at: string
  updated_at: string
}

export type Urls = Partial<Record<StackName, string>>

/** Throws unless every stack answers every operation with the same tasks, refuses the same, and asks its limiter. */
export async function assertSame(urls: Urls, data: Data): Promise<void> {
  const stacks = Object.entries(urls) as [StackName, string][]
  for (const operation of OPERATIONS) {
    const user = userOf(operation, data)
    const call = request(operation, user)
    let expected: unknown
    for (const [stack, url] of stacks) {
      const response = await send(url, bearer(stack, user), call)
      const body = await response.json()
      const given = comparable(operation, tasksOf(body).map(normal))
      expected ??= given
      if (!response.ok || !isDeepStrictEqual(given, expected)) {
        const [was, is] = [expected, given].map((value) => JSON.stringify(value).slice(0, 500))
        throw new Error(`${stack} answers ${operation} with ${response.status} ${is}, not ${was}`)
      }
    }
  }
  for (const [stack, url] of stacks) {
    const foreign = { path: `/tasks/${data.editor.first}`, method: 'GET' }
    const { status } = await send(url, bearer(stack, data.reader), foreign)
    const unknown = await send(url, `Bearer ${'x'.repeat(32)}`, foreign)
    if (stack !== 'floor' && (status !== 404 || unknown.status !== 401)) {
      throw new Error(
        `${stack} answers another user's task with ${status}, a bad token with ${unknown.status}`,
      )
    }
  }
}

/** A task, a list, or Neon's envelope of rows as text. */
function tasksOf(body: unknown): Task[] {
  if (Array.isArray(body)) return body
  const { rows } = body as { rows?: (string | null)[][] }
  if (!rows) return [body as Task]
  return rows.map(([id, user_id, title, description, completed, created_at, updated_at]) => ({
    id: Number(id),
    user_id: user_id as string,
    title: title as string,
    description: description ?? null,
    completed: completed === 't',
    created_at: created_at as string,
    updated_at: updated_at as string,
  }))
}

/** Each framework writes a time its own way; it has to be the same time. Members that the peers have not are left out. */
const normal = ({ id, user_id, title, description, completed, created_at, updated_at }: Task) => ({
  ...{ id, user_id, title, description, completed },
  created_at: new Date(created_at).toISOString(),
  updated_at: new Date(updated_at).toISOString(),
})

/** Without what is new at every write. */
function comparable(operation: Operation, tasks: Task[]): unknown {
  if (operation === 'create') return tasks.map(({ id: _, created_at: __, updated_at: ___, ...task }) => task)
  if (operation === 'patch') return tasks.map(({ updated_at: _, ...task }) => task)
  return tasks
}
