import { sql } from 'drizzle-orm'
import { type Database, type Row, type Statement, statement, type Values } from '../db/client.ts'
import { unauthorized } from '../problem.ts'

/** The session a request claims. `userId` is what the database said of it: null for dead, absent until asked. */
export interface Session {
  /** Hashes of the token, one a secret. */
  hashes: readonly string[]
  userId?: string | null
}

/**
 * `session (user_id)`: one row while the session is alive, else none. Every statement starts with it and returns
 * its user_id first, so that no row at all means 401, and a row without a task means 404. The epoch of a `timestamp`
 * takes it for UTC, where a comparison with now() takes it for the session's TimeZone.
 */
export const alive = sql`session as (
  select user_sessions.user_id from user_sessions
  where user_sessions.token_hash = any(${sql.placeholder('hashes')}::text[])
    and not user_sessions.revoked and extract(epoch from user_sessions.expires_at) > extract(epoch from now())
    and exists (select 1 from users where users.id = user_sessions.user_id)
  limit 1
)`

/** The owner, for the WHERE of every statement. As a scalar subquery it is computed once, before any index scan. */
export const owner = sql`(select user_id from session)`

const lookUp = statement(sql`with ${alive} select user_id from session`)

/** Runs a statement that starts with `alive`. Throws the 401 when the session is dead. */
export async function authorized(
  send: Database['read'] | Database['write'],
  session: Session,
  statement: Statement,
  values: Values = {},
): Promise<Row[]> {
  const rows = await send(statement, { ...values, hashes: session.hashes })
  session.userId = rows[0]?.[0] ?? null
  if (session.userId === null) throw unauthorized('invalid_token')
  return rows
}

/** Whose session it is, null of a dead one; asks for it alone where no other statement has asked yet. */
export async function findOwner(db: Database, session: Session): Promise<string | null> {
  if (session.userId === undefined) {
    const [row] = await db.read(lookUp, { hashes: session.hashes })
    session.userId = row?.[0] ?? null
  }
  return session.userId
}
