import type { Context } from 'hono'
import { type AppEnv, router } from '../src/context.ts'
import { enforce } from '../src/limit/headers.ts'
import { Problem, type ProblemType, unauthorized } from '../src/problem.ts'
import { onError } from '../src/problem-response.ts'
import { BulkDelete, TaskCreate, TaskId, TaskList, TaskUpdate } from '../src/tasks/schemas.ts'
import { body, params, query } from '../src/validate.ts'
import { REQUEST_ID } from './headers.ts'
import { LIMITS } from './limits.ts'
import type { Operation } from './operations.ts'

/** How src/ itself answers, so that no example is made up: its own validators, and its own words for the others. */
const api = router()
api.onError(onError)
api.use(async (c, next) => {
  c.set('requestId', REQUEST_ID)
  c.set('note', {})
  const type = c.req.query('problem') as ProblemType | undefined
  if (type) throw raise(type, c)
  await next()
})
api.get('/tasks', query(TaskList))
api.post('/tasks', body(TaskCreate))
api.post('/tasks/bulk-delete', body(BulkDelete))
api.on(['GET', 'PUT', 'PATCH', 'DELETE'], '/tasks/:id', params(TaskId))
api.on(['PUT', 'PATCH'], '/tasks/:id', body(TaskUpdate))

function raise(type: ProblemType, c: Context<AppEnv>): Error {
  if (type === 'authentication_error') return unauthorized('invalid_token')
  if (type === 'internal_error') return new Error()
  if (type === 'rate_limit_exceeded') {
    const policy = c.req.method === 'GET' ? 'read' : 'write'
    const reset = Date.now() + 23_000
    enforce(c, {
      admitted: false,
      policy,
      limit: LIMITS[policy],
      window: 60,
      by: 'redis',
      remaining: 0,
      reset,
    })
  }
  return new Problem(type)
}

export async function problemExample(type: ProblemType, operation: Operation): Promise<unknown> {
  const { method, path, invalid } = operation
  const request =
    type === 'validation_error' ? invalid : { path: `${path.replace('{id}', '42')}?problem=${type}` }
  if (!request) throw new Error(`${operation.id} shows no request that does not fit`)
  const response = await api.request(request.path ?? path.replace('{id}', '42'), {
    method: method.toUpperCase(),
    ...(request.body !== undefined && {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request.body),
    }),
  })
  const problem = (await response.json()) as { type: ProblemType }
  if (problem.type !== type) throw new Error(`${operation.id} answered ${problem.type} for a ${type}`)
  return problem
}
