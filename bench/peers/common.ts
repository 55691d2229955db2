import { createHmac } from 'node:crypto'
import { Redis } from 'ioredis'
import pg from 'pg'

/** What the two Node peers have in common: settings, the token's hash, and the SQL. */

const { env } = process
export const port = Number(env.PORT)
export const maxReads = Number(env.RATE_LIMIT_READS)
export const maxWrites = Number(env.RATE_LIMIT_WRITES)
export const WINDOW_MS = 60_000

// bigint as a number: ids end at 2^53-1.
pg.types.setTypeParser(20, Number)
export const pool = new pg.Pool({ connectionString: env.DATABASE_URL, max: 20, idleTimeoutMillis: 0 })
export const redis = new Redis(env.REDIS_URL as string)

const columns = 'id, user_id, title, description, completed, created_at, updated_at'

const SESSION = `select s.user_id from user_sessions s join users u on u.id = s.user_id
  where s.token_hash = $1 and not s.revoked and s.expires_at > now()`

export const GET = `select ${columns} from tasks where id = $1 and user_id = $2`

export const LIST = `select ${columns} from tasks where user_id = $1 order by created_at desc, id desc limit $2`

export const CREATE = `insert into tasks (user_id, title, description, completed) values ($1, $2, $3, $4)
  returning ${columns}`

export const PATCH = `update tasks set title = coalesce($3, title),
  description = case when $4 then $5 else description end, completed = coalesce($6, completed),
  updated_at = now(), version = version + 1 where id = $1 and user_id = $2 returning ${columns}`

export interface TaskInput {
  title?: string
  description?: string | null
  completed?: boolean
}

export const patchValues = (id: number, userId: string, input: TaskInput) => [
  id,
  userId,
  input.title ?? null,
  input.description !== undefined,
  input.description ?? null,
  input.completed ?? null,
]

/** The session's user, or undefined. */
export async function userOf(authorization: string | undefined): Promise<string | undefined> {
  const token = /^bearer +([\w-]+)$/i.exec(authorization ?? '')?.[1]
  if (!token) return undefined
  const hash = createHmac('sha256', env.SESSION_HASH_SECRET as string)
    .update(token)
    .digest('hex')
  const { rows } = await pool.query(SESSION, [hash])
  return rows[0]?.user_id
}
