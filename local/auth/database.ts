import type { PGlite } from '@electric-sql/pglite'
import { drizzle as overPool } from 'drizzle-orm/node-postgres'
import { drizzle as overPGlite } from 'drizzle-orm/pglite'
import pg from 'pg'

export type Connection = ReturnType<typeof connect>

/** A real PostgreSQL by its URL, or the PGlite of the local world, whose owner closes it. */
export function connect(database: PGlite | string) {
  if (typeof database !== 'string') return { db: overPGlite(database), close: async () => {} }
  const pool = new pg.Pool({ connectionString: database })
  // An idle connection that the server closes must not end the process.
  pool.on('error', () => {})
  return { db: overPool(pool), close: () => pool.end() }
}
