import { hc, type InferRequestType, type InferResponseType } from 'hono/client'
import type { AppType } from '../../src/app.ts'
import { Refused } from './errors.ts'
import { type Answer, type CallOptions, type Options, sender } from './send.ts'

export type { AppType } from '../../src/app.ts'
export type { FieldError } from '../../src/problem.ts'
export type { ProblemBody } from '../../src/problem-body.ts'
export { NoAnswer, NotTheApi, Refused, SignedOut } from './errors.ts'
export type { CallOptions, Options } from './send.ts'

type Routes = ReturnType<typeof hc<AppType>>['tasks']
type Route = Routes[':id']
export type Task = InferResponseType<Route['$get'], 200>
export type TaskCreate = InferRequestType<Routes['$post']>['json']
export type TaskUpdate = InferRequestType<Route['$patch']>['json']

/** A task, and the tag that names this state of it: hand the tag to `update` or `remove` to overwrite nobody. */
export interface Tagged {
  task: Task
  etag: string
}

export interface Page {
  tasks: Task[]
  /** Where the next page begins; absent on the last. */
  cursor?: string
}

export interface Filter {
  completed?: boolean | undefined
  /** Rows a page, 1 … 1000. */
  limit?: number | undefined
}

export type TasksClient = ReturnType<typeof tasksClient>

/** For `create`: kept with a draft, it lets the same task be sent again after a reload. Also where the page is no secure context. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}

export function tasksClient(options: Options) {
  const call = sender(options)
  const routes = hc<AppType>(options.url, options.fetch && { fetch: options.fetch }).tasks
  const route = routes[':id']
  /** Keys of creates that failed without a clear answer, by what was to be created. */
  const open = new Map<string, string>()

  async function page(
    { completed, limit, cursor }: Filter & { cursor?: string | undefined } = {},
    rest: CallOptions = {},
  ): Promise<Page> {
    const query = {
      ...(completed !== undefined && { completed: `${completed}` }),
      ...(limit !== undefined && { limit: `${limit}` }),
      ...(cursor !== undefined && { cursor }),
    }
    const { body, headers } = await call({ send: (init) => routes.$get({ query }, init), ...rest })
    const next = headers.get('X-Next-Cursor')
    return { tasks: body, ...(next && { cursor: next }) }
  }

  async function get(id: number, rest: CallOptions = {}): Promise<Tagged> {
    const request = { param: { id: `${id}` } }
    return tagged(await call({ send: (init) => route.$get(request, init), ...rest }))
  }

  return {
    /** One page, newest first, and where the next begins. */
    page,

    /** All of them, newest first, page after page as they are asked for: `for await (const task of api.list())`. */
    async *list(filter: Filter = {}, rest: CallOptions = {}): AsyncGenerator<Task, void, undefined> {
      let cursor: string | undefined
      do {
        const { tasks, cursor: next } = await page({ ...filter, cursor }, rest)
        yield* tasks
        cursor = next
      } while (cursor)
    },

    get,

    /**
     * One task, however often it is sent. When a call fails without a clear answer, the next one for the same task
     * takes the same key; for a key that outlives the page, make it with `newKey` and keep it with the draft.
     */
    async create(task: TaskCreate, { key, ...rest }: CallOptions & { key?: string } = {}): Promise<Tagged> {
      const body = JSON.stringify(task)
      const used = key ?? open.get(body) ?? newKey()
      const headers = { 'Idempotency-Key': used }
      try {
        const answer = await call({ send: (init) => routes.$post({ json: task }, init), headers, ...rest })
        open.delete(body)
        return tagged(answer)
      } catch (error) {
        if (isFinal(error)) open.delete(body)
        else open.set(body, used)
        throw error
      }
    },

    /** Changes what is given and keeps what is not. With an etag, only if the task is still in that state. */
    async update(
      id: number,
      changes: TaskUpdate,
      { etag, ...rest }: CallOptions & { etag?: string } = {},
    ): Promise<Tagged> {
      const request = { param: { id: `${id}` }, json: changes }
      try {
        const headers = ifMatch(etag)
        return tagged(await call({ send: (init) => route.$patch(request, init), headers, ...rest }))
      } catch (error) {
        // The attempt whose answer was lost may itself have changed the task.
        if (!isOwnDoing(error, 412)) throw error
        const now = await get(id, rest)
        if (!holds(now.task, changes)) throw error
        return now
      }
    },

    async remove(id: number, { etag, ...rest }: CallOptions & { etag?: string } = {}): Promise<void> {
      const request = { param: { id: `${id}` } }
      try {
        await call({ send: (init) => route.$delete(request, init), headers: ifMatch(etag), ...rest })
      } catch (error) {
        if (!isOwnDoing(error, 404)) throw error
      }
    },

    /** Up to 1000 at once. After a lost answer, what the lost attempt deleted is among `not_found`. */
    async removeMany(ids: number[], rest: CallOptions = {}) {
      const request = { json: { task_ids: ids } }
      return (await call({ send: (init) => routes['bulk-delete'].$post(request, init), ...rest })).body
    },
  }
}

const tagged = ({ body, headers }: Answer<Task>): Tagged => ({ task: body, etag: headers.get('ETag') ?? '' })

const ifMatch = (etag: string | undefined) => (etag === undefined ? undefined : { 'If-Match': etag })

/** Whether a refusal may be of what an earlier attempt of the same call has done. */
const isOwnDoing = (error: unknown, status: number) =>
  error instanceof Refused && error.sentBefore && error.problem.status === status

/** Whether a create has certainly made nothing, and would not under the same key. */
const isFinal = (error: unknown) =>
  error instanceof Refused && error.problem.status !== 429 && error.problem.status < 500

const holds = (task: Task, changes: TaskUpdate) =>
  Object.entries({ ...changes, title: changes.title?.trim() }).every(
    ([name, value]) => value === undefined || value === task[name as keyof TaskUpdate],
  )
