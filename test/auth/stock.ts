import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kyselyAdapter } from '@better-auth/kysely-adapter'
import { type BetterAuthOptions, betterAuth, type DBAdapter } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { getMigrations } from 'better-auth/db/migration'
import { admin, organization } from 'better-auth/plugins'
import { bearer } from 'better-auth/plugins/bearer'
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api'
import { drizzle } from 'drizzle-orm/node-postgres'
import { Kysely, PostgresDialect } from 'kysely'
import { inject } from 'vitest'
import { PgliteSocket } from '../../local/postgres.ts'
import { emptyDatabase } from '../setup/database.ts'
import { endPools, Pool, usePool } from './pool.ts'
import * as before from './stock-schema.ts'

export type Generator = 'drizzle' | 'kysely'
export type Database = (options: BetterAuthOptions) => DBAdapter

/** A server's options, in so far as it has never heard of this project. */
export const stockOptions = {
  secret: 'better-auth secret of the stock tests, 0123456789',
  baseURL: 'http://localhost',
  emailAndPassword: { enabled: true },
  plugins: [bearer(), admin(), organization()],
  telemetry: { enabled: false },
  logger: { disabled: true },
} satisfies BetterAuthOptions

/** An empty database, and the driver that people have: pg, which reaches a PGlite too. */
export async function openDatabase() {
  const { neon, database, close } = await emptyDatabase(inject('pgliteImage'))
  usePool(
    typeof database === 'string'
      ? { connectionString: database }
      : { max: 1, idleTimeoutMillis: 0, user: 'postgres', stream: () => new PgliteSocket(database) },
  )
  const pool = new Pool()
  return {
    neon,
    pool,
    async close() {
      await endPools()
      await close()
    },
  }
}

type Opened = Awaited<ReturnType<typeof openDatabase>>

/** TypeScript that was made in this run, under this project so that it finds its modules. */
export async function imported<Module>(files: Record<string, string>, main: string): Promise<Module> {
  await mkdir('dist', { recursive: true })
  const folder = await mkdtemp(join(process.cwd(), 'dist/imported-'))
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code)
  const module = await import(/* @vite-ignore */ join(folder, main))
  await rm(folder, { recursive: true })
  return module
}

/** The tables as better-auth's own generator makes them. Returns the adapter of a server on them, before and after. */
export async function stockTables(generator: Generator, { pool }: Opened) {
  const run = async (statements: string[]) => {
    for (const statement of statements) await pool.query(statement)
  }
  await run(['drop schema public cascade', 'create schema public', 'drop schema if exists drizzle cascade'])
  if (generator === 'kysely') {
    const { runMigrations } = await getMigrations({ ...stockOptions, database: pool })
    await runMigrations()
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool }) })
    const adapter = kyselyAdapter(db, { type: 'postgres', transaction: true })
    return { before: adapter, after: adapter }
  }
  const db = drizzle(pool)
  const generated = await readFile('test/auth/stock-schema.ts', 'utf8')
  const token = "token: text('token').notNull().unique(),"
  const revoked = "revoked: boolean('revoked').default(false).notNull(),"
  const withRevoked = generated.replace(token, token + revoked)
  const after = await imported<Record<string, unknown>>({ 'schema.ts': withRevoked }, 'schema.ts')
  const empty = generateDrizzleJson({})
  await run(await generateMigration(empty, generateDrizzleJson(before)))
  const adapter = (schema: Record<string, unknown>) =>
    drizzleAdapter(db, { provider: 'pg', schema, transaction: true })
  return { before: adapter(before), after: adapter(after) }
}

export const password = 'correct horse battery staple'

/** The server as it was. */
export const stockServer = (database: Database) => betterAuth({ ...stockOptions, database })
