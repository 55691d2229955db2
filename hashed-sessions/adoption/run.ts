import { refusal } from '../refuse.ts'
import { hmac } from '../tokens.ts'
import { planMove } from './move.ts'
import type { Step } from './plan.ts'
import { type Connection, HASH, quote, readCatalog, stockTables, type Table } from './tables.ts'
import { planViews } from './views.ts'

export interface Adoption {
  /** The tables stay, and the API reads views (`views`), or become the API's (`move`); `undo` takes either back. */
  way: 'views' | 'move' | 'undo'
  secret: string
  schema?: string | undefined
  dryRun?: boolean | undefined
  log: (line: string) => void
}

const record = 'hashed_sessions_undo'
const plans = { views: planViews, move: planMove }

/** All of it or nothing, in one transaction; what has been done already is left as it is. */
export async function adopt(db: Connection, { way, secret, schema = 'public', dryRun, log }: Adoption) {
  await db.query('begin')
  try {
    await db.query(`set local search_path = ${quote(schema)}`)
    await db.query("set local lock_timeout = '10s'")
    const catalog = await readCatalog(db, schema)
    let changed: boolean
    if (way === 'undo') {
      changed = catalog.tables.has(record) && (await undo(db, log, dryRun))
    } else {
      const steps = plans[way](catalog)
      changed = steps.length > 0
      if (changed && !dryRun) {
        await db.query(`lock table ${quote(stockTables(catalog).session.name)} in access exclusive mode`)
        await db.query(`create table if not exists ${record} (step int primary key, statement text not null)`)
      }
      for (const step of steps) await run(db, step, { secret, dryRun, log })
    }
    log(changed ? (dryRun ? '-- Nothing was changed.' : '-- Done.') : '-- There is nothing to do.')
    await db.query(dryRun ? 'rollback' : 'commit')
  } catch (error) {
    await db.query('rollback')
    throw explained(error)
  }
}

async function run(
  db: Connection,
  step: Step,
  { secret, dryRun, log }: Pick<Adoption, 'secret' | 'dryRun' | 'log'>,
) {
  if ('sql' in step) {
    log(`${step.sql};`)
    if (!dryRun) await db.query(step.sql)
  } else {
    log(
      `-- ${await hashTokens(db, step.hash, secret, dryRun)} tokens in ${quote(step.hash.name)} are hashed here.`,
    )
  }
  if (step.undo && !dryRun)
    await db.query(`insert into ${record} select coalesce(max(step), 0) + 1, $1 from ${record}`, [step.undo])
}

/** Outside SQL, and written by id: neither the secret nor a token is in a statement that a server may log. */
async function hashTokens(db: Connection, session: Table, secret: string, dryRun: boolean | undefined) {
  const hash = hmac(secret)
  const table = quote(session.name)
  const type = session.columns.get('id')
  let last: unknown
  let count = 0
  for (;;) {
    const { rows } = await db.query(
      `select id, token from ${table} where token !~ '${HASH}' ${last === undefined ? '' : `and id > $1`}
       order by id limit 5000`,
      last === undefined ? [] : [last],
    )
    if (rows.length === 0) return count
    count += rows.length
    last = rows.at(-1)?.id
    if (dryRun) continue
    const hashes = await Promise.all(rows.map(({ token }) => hash(String(token))))
    await db.query(
      `update ${table} set token = new.hash
       from unnest($1::${type}[], $2::text[]) as new (id, hash) where ${table}.id = new.id`,
      [rows.map(({ id }) => id), hashes],
    )
  }
}

async function undo(db: Connection, log: Adoption['log'], dryRun: boolean | undefined) {
  const { rows } = await db.query(`select statement from ${record} order by step desc`)
  for (const { statement } of [...rows, { statement: `drop table ${record}` }]) {
    log(`${statement};`)
    if (!dryRun) await db.query(String(statement))
  }
  return true
}

/** PostgreSQL's details quote rows, its messages do not. */
function explained(error: unknown): Error {
  const { code, message } = error as { code?: string; message: string }
  if (code === '55P03') return refusal('the tables are in use: stop the auth server, then run this again')
  return code === undefined ? (error as Error) : refusal(`PostgreSQL says: ${message}`)
}
