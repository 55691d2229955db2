import { type SQL, sql } from 'drizzle-orm'
import { type Database, type Row, statement } from '../db/client.ts'
import { alive, authorized, owner, type Session } from '../session/session.ts'
import { names } from '../task.ts'
import type { Position } from './cursor.ts'
import type { Tags } from './preconditions.ts'
import { columns, extra, hasTask } from './representation.ts'
import type { TaskCreate, TaskUpdate } from './schemas.ts'

/**
 * One statement an operation. Each starts with `alive` and compares `user_id` with `owner`, so none can run
 * without its session or touch another user's row. SQL is built once per isolate; only values differ.
 */

const $ = sql.placeholder

/** `of` for each column, separated by commas. */
const each = <N extends string>(columns: readonly N[], of: (name: SQL) => SQL) =>
  sql.join(
    columns.map((name) => of(sql`${sql.identifier(name)}`)),
    sql`, `,
  )

/** The fields of a body, as columns of `tasks`: `null` where it says nothing, or what `otherwise` has there. */
export const given = (body: string, otherwise = sql`null::tasks`) =>
  sql`jsonb_populate_record(${otherwise}, ${$(body)}::jsonb)`
export const fieldNames = each(names, (name) => name)
export const fieldsOf = (row: SQL) => each(names, (name) => sql`${row}.${name}`)

/** What begins a row, without the owner, which `withSession` puts before it. */
export const columnsOf = (row: SQL) => each(columns.slice(1), (name) => sql`${row}.${name}`)

/**
 * What names one task as it is, and nothing else: how many columns a representation has changes with a deploy, the
 * version tells edits of one millisecond apart, the time those on either side of a restore, the rest tasks and users.
 */
export const tag = (version: SQL, updatedAt: SQL, id: SQL, userId: SQL) =>
  sql`concat_ws('.', ${sql.raw(`${columns.length}`)}, ${version},
    (extract(epoch from ${updatedAt}) * 1000)::bigint, ${id}, ${userId})`

const taskColumns = columnsOf(sql`tasks`)
const taskTag = tag(sql`tasks.version`, sql`tasks.updated_at`, sql`tasks.id`, sql`tasks.user_id`)
const tagged = sql`${taskColumns}, ${taskTag} as tag`
const mine = sql`tasks.id = ${$('id')}::bigint and tasks.user_id = ${owner}`

/**
 * A role may have a DateStyle and a TimeZone of its own. Joined to the session, this gives timestamps the text that
 * `rfc3339` reads, in this transaction: their text is made when a row is sent, and a row has the session in it.
 */
export const iso = sql`(select set_config('DateStyle', 'ISO', true), set_config('TimeZone', 'UTC', true)) as iso`

/** From the session and a subquery that begins as `columnsOf` does; nulls where that has no row. */
const withSession = (from: SQL) =>
  sql`select session.user_id, task.* from session cross join ${iso} left join ${from} as task on true`

const getStatement = statement(
  sql`with ${alive} ${withSession(sql`(select ${tagged} from tasks where ${mine})`)}`,
)

/** undefined: there is no such task, or it is another user's. */
export async function getTask(db: Database, session: Session, id: number): Promise<Row | undefined> {
  const [row] = await authorized(db.read, session, getStatement, { id })
  return hasTask(row) ? row : undefined
}

/**
 * The limit is a subselect to hide its value: so the planner always reads along an index. Told of a thousand, more
 * than it expects of an average user, it would fetch and sort the whole history of the user who has a million.
 */
const listStatement = (filter: SQL, place: SQL) =>
  statement(
    sql`with ${alive} ${withSession(sql`(
    select ${taskColumns}, tasks.version from tasks where tasks.user_id = ${owner} ${filter} ${place}
    order by tasks.created_at desc, tasks.id desc limit (select ${$('limit')}::int)
  )`)} order by task.created_at desc, task.id desc`,
  )

/** The filters are literals, so that each meets the index that is made for it. */
const listStatements = (place: SQL) => ({
  all: listStatement(sql``, place),
  completed: listStatement(sql`and tasks.completed`, place),
  open: listStatement(sql`and not tasks.completed`, place),
})

const firstPage = listStatements(sql``)
const laterPage = listStatements(
  sql`and (tasks.created_at, tasks.id) < (${$('createdAt')}::timestamptz, ${$('afterId')}::bigint)`,
)

export interface ListInput {
  completed?: boolean | undefined
  after?: Position | undefined
  limit: number
}

/** At most `limit` rows, newest first. */
export async function listTasks(db: Database, session: Session, input: ListInput): Promise<Row[]> {
  const { completed, after, limit } = input
  const page = after ? laterPage : firstPage
  const statement = completed === undefined ? page.all : completed ? page.completed : page.open
  const values = { createdAt: after?.createdAt, afterId: after?.id, limit }
  return (await authorized(db.read, session, statement, values)).filter(hasTask)
}

const createStatement = statement(sql`with ${alive}
  insert into tasks (user_id, ${fieldNames})
  select session.user_id, ${fieldsOf(sql`body`)} from session cross join ${iso},
    ${given('body')} as body
  returning tasks.user_id, ${tagged}`)

export async function createTask(db: Database, session: Session, task: TaskCreate): Promise<Row> {
  const [row] = await authorized(db.write, session, createStatement, { body: JSON.stringify(task) })
  return row as Row
}

const { only, except } = { only: sql`${$('only')}::text[]`, except: sql`${$('except')}::text[]` }

/**
 * The row that a change is for, locked as it is now, and whether its tag fits the preconditions: of two editors with
 * one ETag the second waits here for the first, and then sees the tag that it did not mean.
 */
const locked = sql`locked as (
  select ${tagged}, (${only} is null or ${taskTag} = any(${only})) and ${taskTag} <> all(${except}) as fits,
    tasks as stored
  from tasks where ${mine} for update
)`

const updateStatement = statement(sql`with ${alive}, ${locked},
  changed as (
    update tasks set (${fieldNames}) = row(${fieldsOf(sql`wanted`)}),
      version = tasks.version + 1, updated_at = greatest(now(), tasks.updated_at)
    from locked, ${given('changes', sql`locked.stored`)} as wanted
    where tasks.id = locked.id and locked.fits and wanted is distinct from locked.stored
    returning ${tagged}
  )
  ${withSession(sql`(
    select changed.*, true as fits from changed union all
    select ${columnsOf(sql`locked`)}, tag, fits from locked where not exists (select from changed)
  )`)}`)

/** `precondition_failed`: the task is there, with a tag that `tags` does not allow. */
export type Changed<T> = T | 'not_found' | 'precondition_failed'

export async function updateTask(
  db: Database,
  session: Session,
  id: number,
  changes: TaskUpdate,
  tags: Tags,
): Promise<Changed<Row>> {
  const values = { id, changes: JSON.stringify(changes), ...tags }
  const [row] = await authorized(db.write, session, updateStatement, values)
  if (!hasTask(row)) return 'not_found'
  const [fits] = extra(row)
  return fits === 't' ? row : 'precondition_failed'
}

const deleteStatement = statement(sql`with ${alive}, ${locked},
  deleted as (delete from tasks using locked where tasks.id = locked.id and locked.fits)
  select session.user_id, locked.fits from session left join locked on true`)

export async function deleteTask(
  db: Database,
  session: Session,
  id: number,
  tags: Tags,
): Promise<Changed<'deleted'>> {
  const [row] = await authorized(db.write, session, deleteStatement, { id, ...tags })
  if (row?.[1] == null) return 'not_found'
  return row[1] === 't' ? 'deleted' : 'precondition_failed'
}

/**
 * Locked in one order, so that two bulk-deletes with the same ids cannot wait for each other. `is not distinct from`
 * is the `=` that no index serves: the ids lead to the rows, and never the owner, who may have a million.
 */
const deleteManyStatement = statement(sql`with ${alive},
  locked as (
    select tasks.id from tasks
    where tasks.id = any(${$('ids')}::bigint[]) and tasks.user_id is not distinct from ${owner}
    order by tasks.id for update
  ),
  deleted as (delete from tasks using locked where tasks.id = locked.id returning tasks.id)
  select session.user_id, deleted.id from session left join deleted on true`)

/** The ids that were the user's own and are now gone, in no order. */
export async function deleteTasks(
  db: Database,
  session: Session,
  ids: readonly number[],
): Promise<Set<number>> {
  const rows = await authorized(db.write, session, deleteManyStatement, { ids })
  // Where none was, one row says so with a null: 0, which is no task's id.
  return new Set(rows.map(([, id]) => Number(id)))
}
