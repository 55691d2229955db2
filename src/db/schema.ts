import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core'
import { type FieldName, type FieldValues, fields, type OptionalField } from '../task.ts'

/** The tables this API owns. drizzle-kit sees this file alone, so it can never touch the auth server's. */

const moment = (name: string) => timestamp(name, { precision: 3, withTimezone: true, mode: 'string' })

/** Every character with the Unicode property White_Space, as `btrim` takes them. */
const WHITE_SPACE = sql.raw(
  String.raw`U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000'`,
)

const bound = (value: number) => sql.raw(`${value}`)

/** A column for each field of a task. */
const own = {
  title: varchar({ length: fields.title.max }).notNull(),
  description: text(),
  completed: boolean().notNull().default(fields.completed.initial),
} satisfies Record<FieldName, unknown>

export const tasks = pgTable(
  'tasks',
  {
    id: bigint('id', { mode: 'number' })
      .primaryKey()
      .generatedAlwaysAsIdentity({ maxValue: Number.MAX_SAFE_INTEGER }),
    // No foreign key: users belongs to the auth server.
    userId: uuid('user_id').notNull(),
    ...own,
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
    /** Counts the changes of the row; the ETag. */
    version: integer('version').notNull().default(1),
  },
  (t) => [
    // The order of GET /tasks: a page is one short walk along it, however long the list. The other two serve
    // ?completed, where the first would walk past every row that does not fit.
    index('tasks_list').on(t.userId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
    index('tasks_list_completed')
      .on(t.userId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst())
      .where(sql`${t.completed}`),
    index('tasks_list_open')
      .on(t.userId, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst())
      .where(sql`not ${t.completed}`),
    check(
      'tasks_title',
      sql`char_length(${t.title}) >= 1 and ${t.title} = btrim(${t.title}, ${WHITE_SPACE})`,
    ),
    check('tasks_description', sql`char_length(${t.description}) <= ${bound(fields.description.max)}`),
    // RFC 3339 writes a year in four digits.
    check('tasks_created_at', sql`${t.createdAt} >= '0001-01-01T00:00:00Z'`),
    check(
      'tasks_updated_at',
      sql`${t.updatedAt} >= ${t.createdAt} and ${t.updatedAt} < '10000-01-01T00:00:00Z'`,
    ),
    check('tasks_version', sql`${t.version} >= 1`),
  ],
)

// What a column takes and gives is what its field is; and a column has a default where its field has one, for the tasks
// that were there before it.
type Same<A, B> = [A, B] extends [B, A] ? true : never
true satisfies Same<Pick<typeof tasks.$inferSelect, FieldName>, FieldValues>
true satisfies Record<never, never> extends Pick<typeof tasks.$inferInsert, OptionalField> ? true : never

/** What POST /tasks remembers of an Idempotency-Key for 24 hours. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    userId: uuid('user_id').notNull(),
    key: varchar('key', { length: 255 }).notNull(),
    /** SHA-256 of the body, so that another body under the same key is told apart. */
    bodyHash: text('body_hash').notNull(),
    taskId: bigint('task_id', { mode: 'number' }).notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.key] }), index('idempotency_keys_created_at').on(t.createdAt)],
)
