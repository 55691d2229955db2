import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { neon, neonConfig } from '@neondatabase/serverless'
import { linesOf, SHAPE } from '../src/db/shape.ts'

/**
 * The one migration runner: for the local world, the tests and Neon. A migration is one HTTP batch, so one
 * transaction: it and the note that it was applied commit together or not at all.
 */

export interface Target {
  databaseUrl: string
  /** In place of Neon's own, for the local stand-in. */
  fetchEndpoint?: string | undefined
}

interface Migration {
  name: string
  up: string
  hash: string
  /** Undefined while it is pending. */
  appliedHash?: string
}

const HISTORY = 'tasks_migrations'
const here = new URL('./', import.meta.url)
const read = (file: string) => readFile(new URL(file, here), 'utf8')
const statements = (file: string) =>
  file.split('--> statement-breakpoint').filter((text) => text.trim() !== '')

export function open({ databaseUrl, fetchEndpoint }: Target) {
  if (fetchEndpoint) neonConfig.fetchEndpoint = fetchEndpoint
  return neon(databaseUrl)
}

/** Every migration in order, with what the database says of it. Throws when an applied file has been edited. */
export async function status(target: Target): Promise<Migration[]> {
  const sql = open(target)
  const [zone] = await sql.query('show timezone')
  if (!/^(UTC|GMT|Etc\/UTC)$/.test(zone?.TimeZone)) {
    // What `now()` writes into a `timestamp` of the auth server's would not be UTC.
    throw new Error(`The database's TimeZone is ${zone?.TimeZone}; set it to UTC.`)
  }
  const [history] = await sql.query('select to_regclass($1) is not null as exists', [HISTORY])
  const rows = history?.exists ? await sql.query(`select name, hash from ${HISTORY}`) : []
  const applied = new Map(rows.map(({ name, hash }) => [name as string, hash as string]))
  const { entries }: { entries: { tag: string }[] } = JSON.parse(await read('meta/_journal.json'))
  return await Promise.all(
    entries.map(async ({ tag: name }) => {
      const up = await read(`${name}.sql`)
      const hash = createHash('sha256').update(up).digest('hex')
      const appliedHash = applied.get(name)
      if (appliedHash && appliedHash !== hash)
        throw new Error(`${name} was edited after it had been applied.`)
      return { name, up, hash, ...(appliedHash && { appliedHash }) }
    }),
  )
}

/** What the Worker's statements would stumble over: types by column, and privileges of this URL's own role. */
export async function shapeFaults(target: Target, shape = SHAPE): Promise<string[]> {
  const [row] = await open(target).query(shape)
  return linesOf(row?.lines)
}

/** Applies what is pending, in order; returns its names. Two runners at once: the second fails and changes nothing. */
export async function up(target: Target): Promise<string[]> {
  const pending = (await status(target)).filter(({ appliedHash }) => !appliedHash)
  const sql = open(target)
  for (const { name, up, hash } of pending) {
    await sql.transaction([
      sql.query(
        `create table if not exists ${HISTORY} (name text primary key, hash text not null, applied_at timestamptz not null default now())`,
      ),
      sql.query(`insert into ${HISTORY} (name, hash) values ($1, $2)`, [name, hash]),
      ...statements(up).map((text) => sql.query(text)),
    ])
  }
  return pending.map(({ name }) => name)
}

/** Takes the newest applied migration back; returns its name, or undefined when there is none. */
export async function down(target: Target): Promise<string | undefined> {
  const last = (await status(target)).findLast(({ appliedHash }) => appliedHash)
  if (!last) return undefined
  const sql = open(target)
  await sql.transaction([
    sql.query(`delete from ${HISTORY} where name = $1`, [last.name]),
    ...statements(await read(`${last.name}.down.sql`)).map((text) => sql.query(text)),
  ])
  return last.name
}

/** Which database the environment means; refuses what is no URL without repeating it. */
export function targetOf({
  DATABASE_URL: databaseUrl,
  NEON_FETCH_ENDPOINT: fetchEndpoint,
}: NodeJS.ProcessEnv): Target {
  // The driver reads it as an http URL, and quotes one that does not parse, password included.
  if (!databaseUrl || !URL.canParse(databaseUrl.replace(/^postgres(ql)?:/, 'http:'))) {
    throw new Error('Set DATABASE_URL to a postgres URL, in the environment or in .dev.vars.')
  }
  const { hostname, pathname } = new URL(databaseUrl)
  // .dev.vars names the stand-in: a DATABASE_URL of another host, given in the environment, does not mean it.
  if (fetchEndpoint && new URL(fetchEndpoint).hostname !== hostname) {
    throw new Error(`NEON_FETCH_ENDPOINT is not where ${hostname} is: unset it, or set both.`)
  }
  console.log(`${hostname}${pathname}`)
  return { databaseUrl, fetchEndpoint }
}

/** As `wrangler dev` reads it; what the environment says itself comes first. */
export function readDevVars(): NodeJS.ProcessEnv {
  if (existsSync('.dev.vars')) process.loadEnvFile('.dev.vars')
  return process.env
}

async function main(command: string | undefined): Promise<void> {
  const target = targetOf(readDevVars())
  if (command === 'up') {
    const names = await up(target)
    console.log(names.length > 0 ? `Applied ${names.join(', ')}.` : 'Nothing to apply.')
  } else if (command === 'down') {
    const name = await down(target)
    console.log(name ? `Rolled back ${name}.` : 'Nothing to roll back.')
  } else if (command === 'status') {
    for (const { name, appliedHash } of await status(target))
      console.log(`${appliedHash ? 'applied' : 'pending'}  ${name}`)
  } else {
    throw new Error('Usage: migrate.ts up | down | status')
  }
  if (command === 'down') return
  for (const fault of await shapeFaults(target)) console.log(`Not as the Worker needs it: ${fault}.`)
}

if (import.meta.main) {
  main(process.argv[2]).catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
