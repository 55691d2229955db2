import { isDeepStrictEqual } from 'node:util'
import type { User } from '../world/data.ts'
import type { App } from '../world/process.ts'
import { LIMITS, type StackName } from '../world/stacks.ts'
import type { World } from '../world/world.ts'
import { ask, type Call, succeed } from './ask.ts'
import { roomInMinute } from './load.ts'
import { bearer, OPERATIONS, type Operation, request } from './operations.ts'

interface Task {
  id: number
  user_id: string
  title: string
  description: string | null
  completed: boolean
  created_at: string
  updated_at: string
}

/** Throws unless every stack gives the same tasks, refuses the same, and knows when a budget is spent. */
export async function assertSame(world: World): Promise<void> {
  const stacks = (Object.entries(world.apps) as [StackName, App][]).map(([stack, { url }]) => ({
    stack,
    url,
  }))
  const [user, other, ...spenders] = world.data.spare as [User, User, ...User[]]
  await roomInMinute()
  for (const operation of OPERATIONS) {
    const call = request(operation, user)
    let expected: unknown
    for (const { stack, url } of stacks) {
      const { status, json } = await ask(url, bearer(stack, user), call)
      const given = comparable(operation, tasksOf(json()).map(normal))
      expected ??= given
      if (status > 299 || !isDeepStrictEqual(given, expected)) {
        const [was, is] = [expected, given].map((value) => JSON.stringify(value).slice(0, 500))
        throw new Error(`${stack} answers ${operation} with ${status} ${is}, not ${was}`)
      }
    }
  }
  for (const [i, { stack, url }] of stacks.entries()) {
    if (stack === 'floor') continue
    const expect = async (what: string, status: number, authorization: string, call: Call) => {
      const answer = await ask(url, authorization, call)
      if (answer.status !== status) throw new Error(`${stack} answers ${what} with ${answer.status}`)
    }
    await expect("another user's task", 404, bearer(stack, user), request('get', other))
    await expect('a bad token', 401, `Bearer ${'x'.repeat(32)}`, request('get', user))
    await assertSpent(url, stack, spenders[i] as User, 'list-50', LIMITS.reads, expect)
    await assertSpent(url, stack, spenders[i] as User, 'create', LIMITS.writes, expect)
  }
}

/** A whole budget is admitted, and what comes after it in the same minute is not. By one URL: slowapi counts each by itself. */
async function assertSpent(
  url: string,
  stack: StackName,
  spender: User,
  operation: Operation,
  limit: number,
  expect: (what: string, status: number, authorization: string, call: Call) => Promise<void>,
): Promise<void> {
  await roomInMinute()
  for (let i = 0; i < limit; i += 1) await succeed(url, stack, spender, operation)
  await expect(`${operation} number ${limit + 1}`, 429, bearer(stack, spender), request(operation, spender))
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
