import createClient from 'openapi-fetch'
import type { components, paths } from '../generated/openapi-typescript.js'
import { type Answer, use } from './scenario.js'

type Schemas = components['schemas']
type Problem = Schemas[Extract<keyof Schemas, `${string}Problem`>]

function problem(error: Problem | undefined): Answer<never>['problem'] {
  if (error?.type === 'validation_error') return { type: error.type, code: error.errors[0]?.code }
  if (error?.type === 'rate_limit_exceeded') return { type: error.type, retryAfter: error.retry_after }
  return error
}

await use((baseUrl, token) => {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } })
  const answer = <T>({ data, error, response }: { data?: T; error?: Problem; response: Response }) => ({
    status: response.status,
    headers: response.headers,
    task: data,
    problem: problem(error),
  })
  return {
    async list(query) {
      const { task: tasks, ...rest } = answer(await client.GET('/tasks', { params: { query } }))
      return { ...rest, tasks }
    },
    async create(title, key) {
      const params = { header: { 'Idempotency-Key': key } }
      return answer(await client.POST('/tasks', { params, body: { title } }))
    },
    async get(id) {
      return answer(await client.GET('/tasks/{id}', { params: { path: { id } } }))
    },
    async complete(id, etag) {
      const params = { path: { id }, header: { 'If-Match': etag } }
      return answer(await client.PATCH('/tasks/{id}', { params, body: { completed: true } }))
    },
  }
})
