import { zValidator } from '@hono/zod-validator'
import { neon, neonConfig } from '@neondatabase/serverless'
import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis/cloudflare'
import { and, desc, eq, gt, sql } from 'drizzle-orm'
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'
import { bigint, boolean, integer, pgTable, text, timestamp, uuid, varchar } from 'drizzle-orm/pg-core'
import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod'
import type { Env } from './env.ts'

/** The same packages put together as their read-mes have it: session, then limit, then query, each awaited. */

const users = pgTable('users', { id: uuid('id').primaryKey() })

const sessions = pgTable('user_sessions', {
  user_id: uuid('user_id').notNull(),
  token_hash: varchar('token_hash', { length: 255 }).notNull(),
  expires_at: timestamp('expires_at', { withTimezone: true }).notNull(),
  revoked: boolean('revoked').notNull(),
})

const tasks = pgTable('tasks', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  user_id: uuid('user_id').notNull(),
  title: varchar('title', { length: 200 }).notNull(),
  description: text('description'),
  completed: boolean('completed').notNull().default(false),
  created_at: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  updated_at: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  version: integer('version').notNull().default(1),
})
const { id, user_id, title, description, completed, created_at, updated_at } = tasks
const columns = { id, user_id, title, description, completed, created_at, updated_at }

const TaskCreate = z.object({
  title: z.string().trim().min(1).max(200),
  description: z.string().max(1000).nullish(),
  completed: z.boolean().default(false),
})
const TaskUpdate = z
  .object({
    title: z.string().trim().min(1).max(200),
    description: z.string().max(1000).nullable(),
    completed: z.boolean(),
  })
  .partial()
const TaskId = z.object({ id: z.coerce.number().int().positive() })
const TaskList = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(1000) })

interface AppEnv {
  Bindings: Env
  Variables: { db: NeonHttpDatabase; userId: string }
}

let key: Promise<CryptoKey> | undefined
const encode = (value: string) => new TextEncoder().encode(value)

async function hash(secret: string, token: string): Promise<string> {
  key ??= crypto.subtle.importKey('raw', encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const digest = await crypto.subtle.sign('HMAC', await key, encode(token))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const session = createMiddleware<AppEnv>(async (c, next) => {
  const token = /^bearer +([\w-]+)$/i.exec(c.req.header('Authorization') ?? '')?.[1]
  if (!token) return c.json({ type: 'authentication_error', status: 401 }, 401)
  neonConfig.fetchEndpoint = c.env.NEON_FETCH_ENDPOINT
  const db = drizzle(neon(c.env.DATABASE_URL))
  const [row] = await db
    .select({ userId: sessions.user_id })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.user_id))
    .where(
      and(
        eq(sessions.token_hash, await hash(c.env.SESSION_HASH_SECRET, token)),
        eq(sessions.revoked, false),
        gt(sessions.expires_at, sql`now()`),
      ),
    )
  if (!row) return c.json({ type: 'authentication_error', status: 401 }, 401)
  c.set('db', db)
  c.set('userId', row.userId)
  await next()
})

// As in the example for Workers that comes with the limiter: a client a request, because the settings come with it.
const cache = new Map<string, number>()

const limit = (name: 'READS' | 'WRITES') =>
  createMiddleware<AppEnv>(async (c, next) => {
    const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = c.env
    const limiter = new Ratelimit({
      redis: new Redis({ url, token, retry: { retries: 0 } }),
      limiter: Ratelimit.slidingWindow(Number(c.env[`RATE_LIMIT_${name}`]), '60 s'),
      prefix: `naive:${name}`,
      ephemeralCache: cache,
    })
    const { success } = await limiter.limit(`user:${c.var.userId}`)
    if (!success) return c.json({ type: 'rate_limit_exceeded', status: 429 }, 429)
    await next()
  })
const [reads, writes] = [limit('READS'), limit('WRITES')]

const app = new Hono<AppEnv>()

app.get('/health', (c) => c.json({ status: 'ok' }))

app.get('/tasks', session, reads, zValidator('query', TaskList), async (c) => {
  const rows = await c.var.db
    .select(columns)
    .from(tasks)
    .where(eq(tasks.user_id, c.var.userId))
    .orderBy(desc(tasks.created_at), desc(tasks.id))
    .limit(c.req.valid('query').limit)
  return c.json(rows)
})

app.get('/tasks/:id', session, reads, zValidator('param', TaskId), async (c) => {
  const [row] = await c.var.db
    .select(columns)
    .from(tasks)
    .where(and(eq(tasks.id, c.req.valid('param').id), eq(tasks.user_id, c.var.userId)))
  return row ? c.json(row) : c.json({ type: 'not_found', status: 404 }, 404)
})

app.post('/tasks', session, writes, zValidator('json', TaskCreate), async (c) => {
  const values = { ...c.req.valid('json'), user_id: c.var.userId }
  const [row] = await c.var.db.insert(tasks).values(values).returning(columns)
  return c.json(row, 201)
})

app.patch(
  '/tasks/:id',
  session,
  writes,
  zValidator('param', TaskId),
  zValidator('json', TaskUpdate),
  async (c) => {
    const [row] = await c.var.db
      .update(tasks)
      .set({ ...c.req.valid('json'), updated_at: sql`now()`, version: sql`${tasks.version} + 1` })
      .where(and(eq(tasks.id, c.req.valid('param').id), eq(tasks.user_id, c.var.userId)))
      .returning(columns)
    return row ? c.json(row) : c.json({ type: 'not_found', status: 404 }, 404)
  },
)

export default app
