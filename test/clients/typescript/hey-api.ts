import { createClient } from '../generated/hey-api/client/index.js'
import {
  type CreateTaskError,
  createTask,
  type GetTaskError,
  getTask,
  listTasks,
  type PatchTaskError,
  patchTask,
} from '../generated/hey-api/index.js'
import { type Answer, use } from './scenario.js'

type Problem = CreateTaskError | GetTaskError | PatchTaskError

function problem(error: Problem | undefined): Answer<never>['problem'] {
  if (error?.type === 'validation_error') return { type: error.type, code: error.errors[0]?.code }
  if (error?.type === 'rate_limit_exceeded') return { type: error.type, retryAfter: error.retry_after }
  return error
}

await use((baseUrl, token) => {
  const client = createClient({ baseUrl, auth: token })
  const answer = <T>({ data, error, response }: { data?: T; error?: Problem; response?: Response }) => ({
    status: response?.status ?? 0,
    headers: response?.headers ?? new Headers(),
    task: data,
    problem: problem(error),
  })
  return {
    async list(query) {
      const { task: tasks, ...rest } = answer(await listTasks({ client, query }))
      return { ...rest, tasks }
    },
    async create(title, key) {
      return answer(await createTask({ client, headers: { 'Idempotency-Key': key }, body: { title } }))
    },
    async get(id) {
      return answer(await getTask({ client, path: { id } }))
    },
    async complete(id, etag) {
      const headers = { 'If-Match': etag }
      return answer(await patchTask({ client, path: { id }, headers, body: { completed: true } }))
    },
  }
})
