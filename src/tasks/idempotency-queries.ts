import { sql } from 'drizzle-orm'
import { type Database, type Row, statement } from '../db/client.ts'
import { alive, authorized, type Session } from '../session/session.ts'
import { bodyHash } from './idempotency-key.ts'
import { columnsOf, fieldNames, fieldsOf, given, iso, tag } from './queries.ts'
import { extra } from './representation.ts'
import type { TaskCreate } from './schemas.ts'

const $ = sql.placeholder

/** A key older than a day is as good as none. */
const current = sql`idempotency_keys.created_at > now() - interval '24 hours'`

/** What a claimed key says from now on: its own word while it is current, else the newcomer's. */
const keep = (column: string) => {
  const name = sql.identifier(column)
  return sql`${name} = case when ${current} then idempotency_keys.${name} else excluded.${name} end`
}

/**
 * Key and task commit together. A race is decided by the unique index: the later insert waits for the earlier one
 * to commit, then gets the row that won, in the same statement, because ON CONFLICT DO UPDATE returns it.
 * The task's id is drawn first, so that the key's row is written once and tells who won.
 */
const createOnceStatement = statement(sql`with ${alive},
  draft as (
    select session.user_id, nextval(pg_get_serial_sequence('tasks', 'id')) as id, ${fieldsOf(sql`body`)}
    from session, ${given('body')} as body
  ),
  claim as (
    insert into idempotency_keys (user_id, key, body_hash, task_id)
    select user_id, ${$('key')}::text, ${$('bodyHash')}::text, id from draft
    on conflict (user_id, key) do update set ${keep('body_hash')}, ${keep('task_id')}, ${keep('created_at')}
    returning body_hash, task_id, created_at
  ),
  created as (
    insert into tasks (id, user_id, ${fieldNames}, created_at, updated_at)
    overriding system value
    select draft.id, draft.user_id, ${fieldsOf(sql`draft`)}, claim.created_at, claim.created_at
    from draft join claim on claim.task_id = draft.id
  )
  select answer.user_id, ${columnsOf(sql`answer`)}, answer.tag, answer.body_hash, answer.fresh
  from ${iso}, draft, claim, lateral (
    select draft.user_id, claim.task_id as id, ${fieldsOf(sql`draft`)},
      claim.created_at, claim.created_at as updated_at, claim.body_hash, claim.task_id = draft.id as fresh,
      ${tag(sql`1`, sql`claim.created_at`, sql`claim.task_id`, sql`draft.user_id`)} as tag
  ) as answer`)

export type CreatedOnce = { row: Row; replayed: boolean } | 'reused'

/** The answer is rebuilt from the body, which is the same, so a replay outlives changes of the task, and the task. */
export async function createTaskOnce(
  db: Database,
  session: Session,
  task: TaskCreate,
  key: string,
): Promise<CreatedOnce> {
  const hash = await bodyHash(task)
  const values = { body: JSON.stringify(task), key, bodyHash: hash }
  const [answer] = await authorized(db.write, session, createOnceStatement, values)
  const row = answer as Row
  const [firstHash, fresh] = extra(row)
  return firstHash === hash ? { row, replayed: fresh !== 't' } : 'reused'
}

const PURGE_BATCH = 10_000

// By ctid, because a join could be planned as a walk past every key for every key. A key that is claimed anew
// meanwhile is another row version by then, and is looked at again: it is current, so it stays.
const purgeStatement = statement(sql`with purged as (
    delete from idempotency_keys where not (${current}) and ctid = any(array(
      select ctid from idempotency_keys where not (${current}) order by created_at limit ${sql.raw(`${PURGE_BATCH}`)}
    ))
    returning 1
  )
  select count(*) from purged`)

/**
 * Deletes the keys that are past their 24 hours, in batches that hold no lock for long; returns how many. Each batch
 * opens a database of its own, and so has a request's time: an hour of many keys takes longer than one request may.
 */
export async function purgeIdempotencyKeys(open: () => Database): Promise<number> {
  let total = 0
  for (;;) {
    const [row] = await open().write(purgeStatement, {})
    const count = Number(row?.[0])
    total += count
    if (count < PURGE_BATCH) return total
  }
}
