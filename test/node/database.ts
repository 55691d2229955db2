import { inject } from 'vitest'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { emptyDatabase } from '../setup/database.ts'

type Rows = Record<string, unknown>[]

export interface TestDatabase {
  /** What the runner is told in its environment. */
  env: { DATABASE_URL: string; NEON_FETCH_ENDPOINT: string }
  rows(sql: string): Promise<Rows>
  /** Leaves the auth server's tables, empty, and nothing of ours. */
  empty(): Promise<void>
  close(): Promise<void>
}

/** A database of one file of tests: in memory, or on the server of LOCAL_POSTGRES_URL. */
export async function startDatabase(): Promise<TestDatabase> {
  const { neon, close } = await emptyDatabase(inject('pgliteImage'))
  return {
    env: {
      DATABASE_URL: neon.databaseUrl,
      NEON_FETCH_ENDPOINT: neon.url,
    },
    rows: async (sql) => (await neon.query(sql)).rows,
    async empty() {
      await neon.exec('drop schema public cascade; create schema public')
      await migrateAuth(neon)
    },
    close,
  }
}

const OURS = `c.relnamespace = 'public'::regnamespace and c.relname not in ('tasks_migrations', 'tasks_migrations_pkey')`

/** Everything that a migration can leave in the schema, as text: of all tables, the auth server's too. */
export async function schemaOf({ rows }: TestDatabase): Promise<Rows> {
  return [
    ...(await rows(`select c.relname, c.relkind, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) as type,
        a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation as collation, pg_get_expr(d.adbin, d.adrelid) as value
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where ${OURS} order by c.relname, a.attnum`)),
    ...(await rows(`select c.relname, k.conname, k.contype, k.convalidated, pg_get_constraintdef(k.oid) as definition
      from pg_constraint k join pg_class c on c.oid = k.conrelid where ${OURS} order by c.relname, k.conname`)),
    ...(await rows(`select indexname, indexdef from pg_indexes
      where schemaname = 'public' and tablename <> 'tasks_migrations' order by indexname`)),
    ...(await rows(`select sequencename, data_type::text as type, start_value, min_value, max_value, increment_by, cycle,
        cache_size, last_value from pg_sequences where schemaname = 'public' order by sequencename`)),
    ...(await rows(`select c.relname, t.tgname, pg_get_triggerdef(t.oid) as definition
      from pg_trigger t join pg_class c on c.oid = t.tgrelid where ${OURS} and not t.tgisinternal order by 1, 2`)),
    ...(await rows(`select typname, typtype from pg_type where typnamespace = 'public'::regnamespace
      and typname !~ 'tasks_migrations' order by typname`)),
    ...(await rows(
      `select proname from pg_proc where pronamespace = 'public'::regnamespace order by proname`,
    )),
  ]
}

/** Every row of the auth server's tables, to the last column. */
export async function authRowsOf({ rows }: TestDatabase): Promise<Rows> {
  return [
    ...(await rows('select users::text as row from users order by id')),
    ...(await rows('select user_sessions::text as row from user_sessions order by id')),
  ]
}

export const historyOf = async ({ rows }: TestDatabase): Promise<unknown[]> => {
  const [found] = await rows(`select to_regclass('tasks_migrations') is not null as exists`)
  if (!found?.exists) return []
  return (await rows('select name from tasks_migrations order by name')).map(({ name }) => name)
}
