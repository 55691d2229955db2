import {
  createTask,
  type createTaskResponse,
  getTask,
  type getTaskResponse,
  listTasks,
  type listTasksResponse,
  patchTask,
  type patchTaskResponse,
} from '../generated/orval.js'
import { type Answer, use } from './scenario.js'

type AnyResponse = createTaskResponse | getTaskResponse | listTasksResponse | patchTaskResponse

function problem(response: AnyResponse): Answer<never>['problem'] {
  if (response.status === 400) return { type: response.data.type, code: response.data.errors[0]?.code }
  if (response.status === 429) return { type: response.data.type, retryAfter: response.data.retry_after }
  if (response.status === 200 || response.status === 201 || response.status === 304) return undefined
  return response.data
}

await use((url, token) => {
  globalThis.API_URL = url
  const Authorization = `Bearer ${token}`
  const answer = (response: createTaskResponse | getTaskResponse | patchTaskResponse) => ({
    status: response.status,
    headers: response.headers,
    task: response.status === 200 || response.status === 201 ? response.data : undefined,
    problem: problem(response),
  })
  return {
    async list(query) {
      const response = await listTasks(query, undefined, { headers: { Authorization } })
      const tasks = response.status === 200 ? response.data : undefined
      return { status: response.status, headers: response.headers, tasks, problem: problem(response) }
    },
    async create(title, key) {
      const headers = key === undefined ? undefined : { 'Idempotency-Key': key }
      return answer(await createTask({ title }, headers, { headers: { Authorization } }))
    },
    async get(id) {
      return answer(await getTask(id, undefined, { headers: { Authorization } }))
    },
    async complete(id, etag) {
      const body = { completed: true }
      return answer(await patchTask(id, body, { 'If-Match': etag }, { headers: { Authorization } }))
    },
  }
})

declare global {
  var API_URL: string
}
