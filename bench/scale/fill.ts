import { createHmac } from 'node:crypto'
import pg from 'pg'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'

/** A database with many users of a hundred tasks each, and one who has every twenty-first. */
export interface Size {
  users: number
  /** Idempotency-Keys of the last day, and those that the next purge deletes. */
  keys: { current: number; expired: number }
}

export const EACH = 100
const LONG_EVERY = EACH / 5 + 1
export const longOf = ({ users }: Size) => (users * EACH) / (LONG_EVERY - 1)
export const tasksOf = (size: Size) => longOf(size) * LONG_EVERY

/** Users are numbers: 0 is the one with the long history. */
export const LONG = 0
export const tokenOf = (user: number) => `bench-scale-token-of-user-${user}`
const idOf = (user: string) => `md5('user ' || ${user})::uuid`

/** A prime: neighbours in time are tasks of users far apart, so each lies on a page of its own, as in life. */
const STRIDE = 7919
const CHUNKS = 20

export async function fill(url: string, secret: string, size: Size, say: (what: string) => void) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const run = (sql: string) => client.query(sql)
  try {
    await migrateAuth({ query: (sql, params) => client.query(sql, params), exec: (sql) => client.query(sql) })
    const neon = await startNeon({ postgresUrl: url })
    await up({ databaseUrl: neon.databaseUrl, fetchEndpoint: neon.url })
    await neon.close()
    await run(`set synchronous_commit = off; set maintenance_work_mem = '1GB'`)

    say('users and sessions')
    await run(`insert into users (id, email, name) select ${idOf('n')}, n || '@bench', 'Bench ' || n
      from generate_series(0, ${size.users}) n`)
    const users = Array.from({ length: size.users + 1 }, (_, n) => n)
    const hashes = users.map((user) => createHmac('sha256', secret).update(tokenOf(user)).digest('hex'))
    await client.query(
      `insert into user_sessions (user_id, token_hash, expires_at) select ${idOf('n')}, hash, now() + interval '7 days'
       from unnest($1::int[], $2::text[]) as given (n, hash)`,
      [users, hashes],
    )

    const total = tasksOf(size)
    const rebuild = await dropIndexes(client, ['tasks', 'idempotency_keys'])
    for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
      say(`tasks: ${chunk} of ${CHUNKS} parts`)
      await run(`insert into tasks (user_id, title, description, completed, created_at, updated_at)
        select ${idOf(`case when n % ${LONG_EVERY} = 0 then ${LONG} else 1 + (n - n / ${LONG_EVERY}) * ${STRIDE} % ${size.users} end`)},
          'Write to customer number ' || n || ' about the order',
          case when n % 3 > 0 then 'Ask for the delivery address, the date, and whether the invoice ' || n ||
            case when n % 20 = 0 then ' may go by mail – “yes” last time 📮' else ' may go by mail; then file it.' end end,
          hashint8(n) & 3 > 0, moment, moment
        from generate_series(${(total / CHUNKS) * chunk + 1}::bigint, ${(total / CHUNKS) * (chunk + 1)}) n,
          lateral (select now() - (${total} - n) * (interval '2 years' / ${total}) as moment) at`)
    }
    say('keys')
    const keys = ({ count, from, length }: { count: number; from: string; length: string }) =>
      run(`insert into idempotency_keys (user_id, key, body_hash, task_id, created_at)
        select ${idOf(`1 + n * ${STRIDE} % ${size.users}`)}, gen_random_uuid(), encode(sha256(n::text::bytea), 'hex'), n,
          now() - interval '${from}' + n * (interval '${length}' / ${count})
        from generate_series(1, ${count}::bigint) n`)
    await keys({ count: size.keys.expired, from: '25 hours', length: '1 hour' })
    await keys({ count: size.keys.current, from: '24 hours', length: '24 hours' })
    for (const sql of rebuild) {
      say(sql.split(' (')[0] as string)
      await run(sql)
    }
    say('vacuum')
    await run('create extension pgstattuple; create extension pageinspect')
    await run('vacuum (analyze) tasks, users, user_sessions, idempotency_keys')
    await run('checkpoint')
  } finally {
    await client.end()
  }
}

/** So that they are built once over all rows; returns the SQL that makes them again. */
async function dropIndexes(client: pg.Client, tables: string[]): Promise<string[]> {
  const { rows } = await client.query<{ drop: string; make: string }>(
    `select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
       format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as make
     from pg_constraint where conrelid::regclass::text = any($1) and contype = 'p'
     union all
     select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
     from pg_index where indrelid::regclass::text = any($1) and not indisprimary`,
    [tables],
  )
  for (const { drop } of rows) await client.query(drop)
  return rows.map(({ make }) => make)
}
