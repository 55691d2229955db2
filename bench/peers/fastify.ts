import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import {
  CREATE,
  GET,
  LIST,
  maxReads,
  maxWrites,
  PATCH,
  patchValues,
  pool,
  port,
  redis,
  type TaskInput,
  userOf,
  WINDOW_MS,
} from './common.ts'

/** Fastify as its documentation has it: schemas in and out, hooks, the maker's own rate limit on Redis. */

declare module 'fastify' {
  interface FastifyRequest {
    userId: string
  }
}

const title = { type: 'string', minLength: 1, maxLength: 200 }
const description = { type: ['string', 'null'], maxLength: 1000 }
const completed = { type: 'boolean' }
const moment = { type: 'string', format: 'date-time' }
const task = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: ['string', 'null'] },
    completed,
    created_at: moment,
    updated_at: moment,
  },
}
const params = { type: 'object', properties: { id: { type: 'integer', minimum: 1 } }, required: ['id'] }
const input = { type: 'object', properties: { title, description, completed } }
const read = { rateLimit: { max: maxReads, groupId: 'read' } }
const write = { rateLimit: { max: maxWrites, groupId: 'write' } }

const app = Fastify()

app.decorateRequest('userId', '')
app.addHook('onRequest', async (request, reply) => {
  const userId = await userOf(request.headers.authorization)
  if (!userId) return await reply.code(401).send({ type: 'authentication_error', status: 401 })
  request.userId = userId
})
await app.register(rateLimit, {
  redis,
  timeWindow: WINDOW_MS,
  hook: 'preHandler',
  keyGenerator: (request) => `user:${request.userId}`,
})

app.get<{ Querystring: { limit: number } }>(
  '/tasks',
  {
    config: read,
    schema: {
      querystring: {
        type: 'object',
        properties: { limit: { type: 'integer', minimum: 1, maximum: 1000, default: 1000 } },
      },
      response: { 200: { type: 'array', items: task } },
    },
  },
  async (request) => (await pool.query(LIST, [request.userId, request.query.limit])).rows,
)

app.get<{ Params: { id: number } }>(
  '/tasks/:id',
  { config: read, schema: { params, response: { 200: task } } },
  async (request, reply) => {
    const { rows } = await pool.query(GET, [request.params.id, request.userId])
    return rows[0] ?? reply.code(404).send({ type: 'not_found', status: 404 })
  },
)

app.post<{ Body: TaskInput }>(
  '/tasks',
  { config: write, schema: { body: { ...input, required: ['title'] }, response: { 201: task } } },
  async (request, reply) => {
    const { title, description = null, completed = false } = request.body
    const { rows } = await pool.query(CREATE, [request.userId, title, description, completed])
    return await reply.code(201).send(rows[0])
  },
)

app.patch<{ Params: { id: number }; Body: TaskInput }>(
  '/tasks/:id',
  { config: write, schema: { params, body: { ...input, minProperties: 1 }, response: { 200: task } } },
  async (request, reply) => {
    const { rows } = await pool.query(PATCH, patchValues(request.params.id, request.userId, request.body))
    return rows[0] ?? reply.code(404).send({ type: 'not_found', status: 404 })
  },
)

await app.listen({ port, host: '127.0.0.1' })
