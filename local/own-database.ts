/** Tables that `npm run dev` makes, and its two histories, each of which says that it made them. */
const TABLES = ['users', 'user_sessions', 'accounts', 'verifications', 'tasks', 'idempotency_keys']
const HISTORIES = ['auth_migrations', 'tasks_migrations']

interface Queryable {
  query(sql: string, params: unknown[]): Promise<{ rows: object[] }>
}

/**
 * What would be done to a database of one's own, as a sentence to be said first; throws one instead where tables
 * would be met that `npm run dev` did not make.
 */
export async function introduce(database: Queryable, place: string): Promise<string> {
  const { rows } = await database.query(
    `select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'p') and relname = any($1::text[])`,
    [[...TABLES, ...HISTORIES]],
  )
  const found = (rows as { name: string }[]).map(({ name }) => name)
  if (found.length === 0) return `Making the tables ${TABLES.join(', ')} and two histories in ${place}.`
  if (found.includes('auth_migrations')) return `Using the tables of an earlier start in ${place}.`
  const foreign = TABLES.filter((name) => found.includes(name)).join(', ')
  throw new Error(
    `${place} has tables that \`npm run dev\` did not make: ${foreign}. Give it a database of its own, by createdb.`,
  )
}
