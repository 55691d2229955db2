import {
  Configuration,
  ResponseError,
  type Task,
  TasksApi,
} from '../generated/openapi-generator-typescript/index.js'
import {
  AuthenticationProblemFromJSON,
  NotFoundProblemFromJSON,
  PreconditionFailedProblemFromJSON,
  RateLimitExceededProblemFromJSON,
  ValidationProblemFromJSON,
} from '../generated/openapi-generator-typescript/models/index.js'
import { type Answer, use } from './scenario.js'

/** This client throws what is not a success, and leaves it to its user to read the body as one of its problems. */
async function problem(response: Response): Promise<Answer<never>['problem']> {
  const body: unknown = await response.json()
  if (response.status === 400) {
    const { type, errors } = ValidationProblemFromJSON(body)
    return { type, code: errors[0]?.code }
  }
  if (response.status === 429) {
    const { type, retryAfter } = RateLimitExceededProblemFromJSON(body)
    return { type, retryAfter }
  }
  if (response.status === 401) return AuthenticationProblemFromJSON(body)
  return response.status === 404 ? NotFoundProblemFromJSON(body) : PreconditionFailedProblemFromJSON(body)
}

async function answer<T>(call: Promise<{ raw: Response; value(): Promise<T> }>) {
  try {
    const { raw, value } = await call.then((response) => ({
      raw: response.raw,
      value: () => response.value(),
    }))
    return { status: raw.status, headers: raw.headers, body: await value() }
  } catch (error) {
    if (!(error instanceof ResponseError)) throw error
    const { response } = error
    return { status: response.status, headers: response.headers, problem: await problem(response) }
  }
}

await use((basePath, accessToken) => {
  const tasks = new TasksApi(new Configuration({ basePath, accessToken }))
  const one = async (call: Promise<{ raw: Response; value(): Promise<Task> }>) => {
    const { body, ...rest } = await answer(call)
    return { ...rest, task: body && { ...body, description: body.description ?? null } }
  }
  return {
    async list(query) {
      const { body, ...rest } = await answer(tasks.listTasksRaw(query))
      return { ...rest, tasks: body?.map((task) => ({ ...task, description: task.description ?? null })) }
    },
    create: (title, idempotencyKey) => one(tasks.createTaskRaw({ taskCreate: { title }, idempotencyKey })),
    get: (id) => one(tasks.getTaskRaw({ id })),
    complete: (id, ifMatch) => one(tasks.patchTaskRaw({ id, taskUpdate: { completed: true }, ifMatch })),
  }
})
