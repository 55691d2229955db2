import type { Context, TypedResponse } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { admission } from '../admission/admission.ts'
import { type AppEnv, router } from '../context.ts'
import type { Row } from '../db/client.ts'
import { Problem } from '../problem.ts'
import type { Task } from '../task.ts'
import { body, params, query } from '../validate.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { idempotencyKey } from './idempotency-key.ts'
import { createTaskOnce } from './idempotency-queries.ts'
import { precondition, tags } from './preconditions.ts'
import { createTask, deleteTask, deleteTasks, getTask, listTasks, updateTask } from './queries.ts'
import { listJson, listTag, tagOf, taskJson, textOf } from './representation.ts'
import { BulkDelete, TaskCreate, TaskId, TaskList, TaskUpdate } from './schemas.ts'

const DEFAULT_PAGE = 1000

const found = <T>(result: T): Exclude<T, 'not_found' | 'precondition_failed' | undefined> => {
  if (result === undefined || result === 'not_found') throw new Problem('not_found')
  if (result === 'precondition_failed') throw new Problem('precondition_failed')
  return result as Exclude<T, 'not_found' | 'precondition_failed' | undefined>
}

/** JSON that is written already, typed as what it says. */
function json<T, S extends ContentfulStatusCode>(
  c: Context<AppEnv>,
  text: string | Uint8Array<ArrayBuffer>,
  status: S,
) {
  return c.body(text, status, { 'Content-Type': 'application/json' }) as unknown as TypedResponse<
    T,
    S,
    'json'
  >
}

/** A representation that may be kept but not used unasked, and the answers that RFC 9110 §13 puts in its place. */
function conditional<T>(c: Context<AppEnv>, tag: string, text: () => string | Uint8Array<ArrayBuffer>) {
  const status = precondition(c.req, tag)
  if (status === 412) throw new Problem('precondition_failed')
  c.header('ETag', `"${tag}"`)
  c.header('Cache-Control', 'private, no-cache')
  c.header('Vary', 'Authorization', { append: true })
  if (status === 304) return c.body(null, 304) as unknown as TypedResponse<T, 200, 'json'>
  return json<T, 200>(c, text(), 200)
}

const task = <S extends 200 | 201>(c: Context<AppEnv>, row: Row, status: S) => {
  c.header('ETag', `"${tagOf(row)}"`)
  return json<Task, S>(c, taskJson(row), status)
}

/** The list from `cursor` on, asked as this page was. Outside development TLS may end in front of the Worker. */
function nextPage(c: Context<AppEnv>, cursor: string): URL {
  const url = new URL(c.req.url)
  if (c.get('settings').ENVIRONMENT !== 'development') url.protocol = 'https:'
  const asked = ['completed', 'limit'].flatMap((name) => {
    const value = url.searchParams.get(name)
    return value === null ? [] : [[name, value]]
  })
  url.search = `${new URLSearchParams([...asked, ['cursor', cursor]])}`
  return url
}

/** Its path would pass for a task's, whose methods it does not have. */
const postOnly = createMiddleware(async function postOnly(c, next) {
  if (c.req.method !== 'POST')
    throw new Problem('method_not_allowed', { headers: { Allow: 'POST, OPTIONS' } })
  await next()
})

export const tasks = router()
  .use('/bulk-delete', postOnly)
  .get('/', admission, query(TaskList), async (c) => {
    const { completed, limit = DEFAULT_PAGE, cursor } = c.req.valid('query')
    const after = cursor === undefined ? undefined : await decodeCursor(c.get('settings'), cursor)
    const rows = await listTasks(c.get('db'), c.get('session'), { completed, after, limit: limit + 1 })
    const page = rows.slice(0, limit)
    const last = rows.length > limit ? page.at(-1) : undefined
    const next = last && (await encodeCursor(c.get('settings'), last))
    if (next) {
      c.header('Link', `<${nextPage(c, next)}>; rel="next"`)
      c.header('X-Next-Cursor', next)
    }
    const tag = await listTag(c.get('session').userId as string, page, next)
    return conditional<Task[]>(c, tag, () => listJson(page))
  })
  .post('/', admission, body(TaskCreate), async (c) => {
    const input = c.req.valid('json')
    const key = idempotencyKey(c.req.header('Idempotency-Key'))
    const created = key
      ? await createTaskOnce(c.get('db'), c.get('session'), input, key)
      : { row: await createTask(c.get('db'), c.get('session'), input), replayed: false }
    if (created === 'reused') throw new Problem('idempotency_key_reused')
    if (created.replayed) c.header('Idempotency-Replayed', 'true')
    c.header('Location', `/tasks/${textOf(created.row, 'id')}`)
    return task(c, created.row, 201)
  })
  .post('/bulk-delete', admission, body(BulkDelete), async (c) => {
    const ids = [...new Set(c.req.valid('json').task_ids)]
    const gone = await deleteTasks(c.get('db'), c.get('session'), ids)
    return c.json(
      { deleted: ids.filter((id) => gone.has(id)), not_found: ids.filter((id) => !gone.has(id)) },
      200,
    )
  })
  .get('/:id', admission, params(TaskId), async (c) => {
    const row = found(await getTask(c.get('db'), c.get('session'), c.req.valid('param').id))
    return conditional<Task>(c, tagOf(row), () => taskJson(row))
  })
  .on(['PUT', 'PATCH'], '/:id', admission, params(TaskId), body(TaskUpdate), async (c) => {
    const { id } = c.req.valid('param')
    const result = await updateTask(c.get('db'), c.get('session'), id, c.req.valid('json'), tags(c.req))
    return task(c, found(result), 200)
  })
  .delete('/:id', admission, params(TaskId), async (c) => {
    const { id } = c.req.valid('param')
    found(await deleteTask(c.get('db'), c.get('session'), id, tags(c.req)))
    return c.body(null, 204)
  })
