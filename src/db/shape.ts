import { fields, type Kind, names } from '../task.ts'

/**
 * What the statements of this API rely on, and what a database has instead, by column. Readiness asks, and so do deploy
 * and `npm run dev`: a schema with other types would pass every other look and fail every request.
 */

const OWN = ['SELECT', 'INSERT', 'UPDATE']
const TEXT = ['text', 'character varying']

const TYPES: Record<Kind, string[]> = { text: TEXT, boolean: ['boolean'], number: ['integer', 'smallint'] }

/** Types as PostgreSQL writes them, any of which will do, and what the role needs. Without a name, on the whole. */
type Wanted = [table: string, column: string | null, types: string[], privileges: string[]]

const ofAuthServer: Wanted[] = [
  ['users', 'id', ['uuid'], ['SELECT']],
  ['user_sessions', 'user_id', ['uuid'], ['SELECT']],
  ['user_sessions', 'token_hash', TEXT, ['SELECT']],
  ['user_sessions', 'expires_at', ['timestamp with time zone', 'timestamp without time zone'], ['SELECT']],
  ['user_sessions', 'revoked', ['boolean'], ['SELECT']],
]

const ours: Wanted[] = [
  ['tasks', 'id', ['bigint'], OWN],
  ['tasks', 'user_id', ['uuid'], OWN],
  ...names.map((name): Wanted => ['tasks', name, TYPES[fields[name].kind], OWN]),
  ['tasks', 'created_at', ['timestamp with time zone'], OWN],
  ['tasks', 'updated_at', ['timestamp with time zone'], OWN],
  ['tasks', 'version', ['integer'], OWN],
  ['tasks', null, [], ['DELETE']],
  ['tasks_id_seq', null, [], ['USAGE']],
  ['idempotency_keys', 'user_id', ['uuid'], OWN],
  ['idempotency_keys', 'key', TEXT, OWN],
  ['idempotency_keys', 'body_hash', TEXT, OWN],
  ['idempotency_keys', 'task_id', ['bigint'], OWN],
  ['idempotency_keys', 'created_at', ['timestamp with time zone'], OWN],
  ['idempotency_keys', null, [], ['DELETE']],
]

const list = (items: string[]) => `array[${items.map((item) => `'${item}'`)}]::text[]`
const row = ([table, column, types, privileges]: Wanted, n: number) =>
  `(${n}, '${table}', ${column && `'${column}'`}, ${list(types)}, ${list(privileges)})`

/** A line for each thing that is not as it should be: `users (id): text, not uuid`. It reads the catalog alone. */
const shape = (
  wanted: Wanted[],
) => `with wanted (n, place, name, types, privileges) as (values ${wanted.map(row)}),
  found as (
    select wanted.*, class.oid, class.relkind, attnum, format_type(coalesce(nullif(typbasetype, 0), atttypid), null) as type
    from wanted left join pg_class as class on class.oid = to_regclass(place)
      left join pg_attribute on attrelid = class.oid and attname = name and not attisdropped
      left join pg_type on pg_type.oid = atttypid
  ),
  judged as (
    select n, place, case when oid is not null then name end as name, case
      when oid is null or (name is not null and attnum is null) then 'missing'
      when type <> all(types) and name is not null then type || ', not ' || array_to_string(types, ' or ')
      else (select string_agg(privilege, ', ') || ' not granted' from unnest(privileges) as privilege where not case
        when relkind = 'S' then has_sequence_privilege(oid, privilege)
        when name is null then has_table_privilege(oid, privilege)
        else has_column_privilege(oid, attnum, privilege) end)
      end as fault
    from found
  ),
  lines as (
    select min(n) as n, place || coalesce(' (' || string_agg(name, ', ' order by n) || ')', '') || ': ' || fault as line
    from judged where fault is not null group by place, fault
  )
  select coalesce(string_agg(line, e'\\n' order by n), '') as lines from lines`

export const linesOf = (lines: unknown) => `${lines}`.split('\n').filter((line) => line !== '')

export const SHAPE_OF_AUTH_SERVER = shape(ofAuthServer)
export const SHAPE = shape([...ofAuthServer, ...ours])
