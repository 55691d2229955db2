import express, { type NextFunction, type Request, type Response } from 'express'
import { rateLimit } from 'express-rate-limit'
import { type RedisReply, RedisStore } from 'rate-limit-redis'
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

/** Express as most write it: middleware, res.json, checks by hand. */

async function session(request: Request, response: Response, next: NextFunction) {
  const userId = await userOf(request.headers.authorization)
  if (!userId) return void response.status(401).json({ type: 'authentication_error', status: 401 })
  response.locals.userId = userId
  next()
}

const limit = (name: string, max: number) =>
  rateLimit({
    windowMs: WINDOW_MS,
    limit: max,
    keyGenerator: (_, response) => `user:${response.locals.userId}`,
    store: new RedisStore({
      prefix: `express:${name}:`,
      sendCommand: (command, ...args) => redis.call(command, ...args) as Promise<RedisReply>,
    }),
  })
const reads = limit('read', maxReads)
const writes = limit('write', maxWrites)

function valid(input: unknown): input is TaskInput {
  const { title, description, completed } = Object(input)
  return (
    (title === undefined || (typeof title === 'string' && title.length >= 1 && title.length <= 200)) &&
    (description == null || (typeof description === 'string' && description.length <= 1000)) &&
    (completed === undefined || typeof completed === 'boolean')
  )
}

const notFound = (response: Response) => response.status(404).json({ type: 'not_found', status: 404 })
const refuse = (response: Response) => response.status(400).json({ type: 'validation_error', status: 400 })

const app = express()
app.use(express.json())

app.get('/tasks', session, reads, async (request, response) => {
  const limit = Number(request.query.limit ?? 1000)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) return void refuse(response)
  const { rows } = await pool.query(LIST, [response.locals.userId, limit])
  response.json(rows)
})

app.get('/tasks/:id', session, reads, async (request, response) => {
  const id = Number(request.params.id)
  if (!Number.isSafeInteger(id) || id < 1) return void refuse(response)
  const { rows } = await pool.query(GET, [id, response.locals.userId])
  if (rows.length === 0) return void notFound(response)
  response.json(rows[0])
})

app.post('/tasks', session, writes, async (request, response) => {
  if (!valid(request.body) || request.body.title === undefined) return void refuse(response)
  const { title, description = null, completed = false } = request.body
  const { rows } = await pool.query(CREATE, [response.locals.userId, title, description, completed])
  response.status(201).json(rows[0])
})

app.patch('/tasks/:id', session, writes, async (request, response) => {
  const id = Number(request.params.id)
  if (!Number.isSafeInteger(id) || id < 1 || !valid(request.body)) return void refuse(response)
  const { rows } = await pool.query(PATCH, patchValues(id, response.locals.userId, request.body))
  if (rows.length === 0) return void notFound(response)
  response.json(rows[0])
})

app.listen(port, '127.0.0.1')
