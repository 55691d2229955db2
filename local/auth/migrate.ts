import { readdir, readFile } from 'node:fs/promises'

export interface MigrationDatabase {
  query(sql: string, params?: unknown[]): Promise<{ rows: unknown[] }>
  /** Many statements in one simple Query message, which Postgres runs as one transaction. */
  exec(sql: string): Promise<unknown>
}

const folder = new URL('./migrations/', import.meta.url)

/** Applies what is not yet applied, in name order; safe to call at every start. */
export async function migrateAuth(db: MigrationDatabase): Promise<void> {
  await db.exec(
    'create table if not exists auth_migrations (name text primary key, applied_at timestamptz not null default now())',
  )
  const { rows } = await db.query('select name from auth_migrations')
  const applied = new Set((rows as { name: string }[]).map(({ name }) => name))

  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  for (const name of files) {
    if (applied.has(name)) continue
    const sql = await readFile(new URL(name, folder), 'utf8')
    // No begin and commit: the message is a transaction by itself, and a failure leaves none open.
    await db.exec(`${sql};\ninsert into auth_migrations (name) values ('${name}')`)
  }
}
