import { createHmac, randomUUID } from 'node:crypto'
import pg from 'pg'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { parentOf } from './process.ts'

/** A database of this run's own, still empty, and the process that all of PostgreSQL's are children of. */
export async function createDatabase(
  server: string,
): Promise<{ url: string; postmaster: number; drop(): Promise<unknown> }> {
  const name = `tasks_bench_${randomUUID().slice(0, 8)}`
  const url = new URL(server)
  url.pathname = name
  const postmaster = await connected(server, async (client) => {
    await client.query(`create database ${name}`)
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    return await parentOf(Number(rows[0]?.pid))
  })
  const drop = () => connected(server, (client) => client.query(`drop database ${name} with (force)`))
  return { url: url.href, postmaster, drop }
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export interface User {
  id: string
  token: string
  /** The ids of the tasks it began with, without a gap. */
  first: number
  last: number
}

export interface Data {
  /** With LIGHT tasks each. */
  light: User[]
  /** With HEAVY tasks each: one in fifteen. */
  heavy: User[]
  /** As the heavy, for the checks before anything is measured, which spend whole budgets. */
  spare: User[]
}

const LIGHT = 60
const HEAVY = 1000
const SPARE = 10

export async function fill(
  url: string,
  neon: { databaseUrl: string; fetchEndpoint: string },
  secret: string,
  users: number,
): Promise<Data> {
  return await connected(url, async (client) => {
    await migrateAuth({
      query: (sql, params) => client.query(sql, params),
      exec: (sql) => client.query(sql),
    })
    await up(neon)
    const heavy = Math.ceil(users / 15)
    const data = {
      light: await makeUsers(client, secret, users - heavy, LIGHT),
      heavy: await makeUsers(client, secret, heavy, HEAVY),
      spare: await makeUsers(client, secret, SPARE, HEAVY),
    }
    await client.query('vacuum (analyze) tasks, users, user_sessions')
    await client.query('checkpoint')
    return data
  })
}

async function makeUsers(client: pg.Client, secret: string, count: number, tasks: number): Promise<User[]> {
  const users = Array.from({ length: count }, () => ({
    id: randomUUID() as string,
    token: randomUUID().replaceAll('-', ''),
  }))
  const ids = users.map(({ id }) => id)
  const hashes = users.map(({ token }) => createHmac('sha256', secret).update(token).digest('hex'))
  await client.query(
    `insert into users (id, email, name) select id, id || '@bench', 'Bench' from unnest($1::uuid[]) id`,
    [ids],
  )
  await client.query(
    `insert into user_sessions (user_id, token_hash, expires_at)
      select user_id, hash, now() + interval '1 day' from unnest($1::uuid[], $2::text[]) made (user_id, hash)`,
    [ids, hashes],
  )
  const { rows } = await client.query<{ user_id: string; first: string; last: string }>(
    `with made as (
      insert into tasks (user_id, title, description, completed, created_at, updated_at)
      select user_id, 'Write to customer number ' || n || ' about the order',
        case when n % 3 > 0 then 'Ask for the delivery address, the date, and whether the invoice ' || n ||
          case when n % 20 = 0 then ' may go by mail – “yes” last time 📮' else ' may go by mail; then file it.' end end,
        n % 4 = 0, now() - n * interval '1 minute', now() - n * interval '30 seconds'
      from unnest($1::uuid[]) with ordinality made (user_id, place), generate_series(1, $2::int) n
      order by place, n returning id, user_id
    ) select user_id, min(id) as first, max(id) as last from made group by user_id`,
    [ids, tasks],
  )
  const ranges = new Map(rows.map((row) => [row.user_id, row]))
  return users.map((user) => {
    const range = ranges.get(user.id)
    return { ...user, first: Number(range?.first), last: Number(range?.last) }
  })
}
