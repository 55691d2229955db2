import { createHmac, randomUUID } from 'node:crypto'
import pg from 'pg'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'

/** A database of this run's own, migrated. */
export async function createDatabase(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `tasks_bench_${randomUUID().slice(0, 8)}`
  await execute(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = name
  return { url: url.href, drop: () => execute(server, `drop database ${name} with (force)`) }
}

async function execute(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

export interface User {
  id: string
  token: string
  /** The ids of its tasks, without a gap. */
  first: number
  last: number
}

export interface Data {
  /** A thousand tasks that nobody changes. */
  reader: User
  /** Starts empty; every create adds to it. */
  writer: User
  /** A thousand tasks for patches. */
  editor: User
  /** As the reader, but with a very long history. */
  hoarder: User
}

export async function fill(
  url: string,
  neon: { databaseUrl: string; fetchEndpoint: string },
  secret: string,
  hoard: number,
): Promise<Data> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await migrateAuth({
      query: (sql, params) => client.query(sql, params),
      exec: (sql) => client.query(sql),
    })
    await up(neon)
    const data = {
      hoarder: await aUser(client, secret, hoard),
      reader: await aUser(client, secret, 1000),
      writer: await aUser(client, secret, 0),
      editor: await aUser(client, secret, 1000),
    }
    await client.query('vacuum (analyze) tasks, users, user_sessions')
    await client.query('checkpoint')
    return data
  } finally {
    await client.end()
  }
}

async function aUser(client: pg.Client, secret: string, tasks: number): Promise<User> {
  const token = randomUUID().replaceAll('-', '')
  const { rows } = await client.query<{ id: string }>(
    `insert into users (email, name) values ($1, 'Bench') returning id`,
    [`${randomUUID()}@bench`],
  )
  const id = rows[0]?.id as string
  const hash = createHmac('sha256', secret).update(token).digest('hex')
  await client.query(
    `insert into user_sessions (user_id, token_hash, expires_at) values ($1, $2, now() + interval '1 day')`,
    [id, hash],
  )
  const range = await client.query<{ first: string; last: string }>(
    `with made as (
      insert into tasks (user_id, title, description, completed, created_at, updated_at)
      select $1, 'Write to customer number ' || n || ' about the order',
        case when n % 3 > 0 then 'Ask for the delivery address, the date, and whether the invoice ' || n ||
          case when n % 20 = 0 then ' may go by mail – “yes” last time 📮' else ' may go by mail; then file it.' end end,
        n % 4 = 0, now() - n * interval '1 minute', now() - n * interval '30 seconds'
      from generate_series(1, $2::int) n returning id
    ) select min(id) as first, max(id) as last from made`,
    [id, tasks],
  )
  const { first, last } = range.rows[0] as { first: string; last: string }
  return { id, token, first: Number(first), last: Number(last) }
}
