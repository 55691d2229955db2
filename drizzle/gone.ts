import { open, readDevVars, type Target, targetOf } from './migrate.ts'

/**
 * Tasks and Idempotency-Keys of users that the auth server has deleted: `npm run db:gone` counts them, and
 * `npm run db:gone -- --delete` deletes them. Nothing else ever does.
 */

const TABLES = ['tasks', 'idempotency_keys']
const gone = (table: string) => `not exists (select from users where users.id = ${table}.user_id)`

export interface Count {
  table: string
  rows: number
  users: number
}

export async function countGone(target: Target): Promise<Count[]> {
  const sql = open(target)
  const count = async (table: string) => {
    const [found] = await sql.query(
      `select count(*)::int as rows, count(distinct user_id)::int as users from ${table} where ${gone(table)}`,
    )
    return { table, rows: found?.rows as number, users: found?.users as number }
  }
  return await Promise.all(TABLES.map(count))
}

/** In batches that hold no lock for long. */
export async function deleteGone(target: Target, batch = 10_000): Promise<Omit<Count, 'users'>[]> {
  const sql = open(target)
  const [known] = await sql.query('select exists (select from users) as users')
  // Every row would be without a user: far likelier a wrong database than a world without people.
  if (!known?.users) throw new Error('There is not one user in this database: nothing is deleted.')
  const deleted: Omit<Count, 'users'>[] = []
  for (const table of TABLES) {
    let rows = 0
    for (let removed = batch; removed === batch; rows += removed) {
      const [answer] = await sql.query(
        `with removed as (
          delete from ${table} where ctid = any(array(select ctid from ${table} where ${gone(table)} limit ${batch})) returning 1
        ) select count(*)::int as rows from removed`,
      )
      removed = answer?.rows
    }
    deleted.push({ table, rows })
  }
  return deleted
}

async function main([option]: string[]): Promise<void> {
  if (option !== undefined && option !== '--delete') throw new Error('Usage: npm run db:gone [-- --delete]')
  const target = targetOf(readDevVars())
  const counts = await countGone(target)
  for (const { table, rows, users } of counts)
    console.log(`${table}: ${rows} rows of ${users} users that are gone`)
  if (option === undefined) {
    if (counts.some(({ rows }) => rows > 0)) console.log('To delete them: npm run db:gone -- --delete')
    return
  }
  for (const { table, rows } of await deleteGone(target)) console.log(`${table}: ${rows} rows deleted`)
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}
