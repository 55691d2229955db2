import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { buildBundle } from '../../local/workerd.ts'
import { Caller } from './caller.ts'
import { postgres, redis, workerd } from './processes.ts'
import { User } from './user.ts'

/** None of these may ever be in a log or an error. */
const CANARIES = {
  SESSION_HASH_SECRET: `canary-${randomBytes(24).toString('hex')}`,
  UPSTASH_REDIS_REST_TOKEN: `canary-redis-${randomUUID()}`,
  password: 'canary-database-password',
}

/** A real PostgreSQL, Redis and workerd that can be killed, and the HTTP in front of the first two, which stays. */
export async function startWorld(connections: number) {
  const folder = mkdtempSync(`${tmpdir()}/tasks-chaos-`)
  chmodSync(folder, 0o755)
  const bundle = await buildBundle(`${folder}/bundle`)
  const [database, limiter] = await Promise.all([postgres(`${folder}/postgres`), redis(folder)])
  await Promise.all([database.start(), limiter.start()])
  const { SESSION_HASH_SECRET, UPSTASH_REDIS_REST_TOKEN, password } = CANARIES
  const neon = await startNeon({
    postgresUrl: database.url,
    databaseUrl: `postgres://chaos:${password}@127.0.0.1/tasks`,
  })
  const upstash = await startUpstash({ token: UPSTASH_REDIS_REST_TOKEN, redisUrl: limiter.url })
  const { databaseUrl } = neon
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  const worker = await workerd(bundle, {
    ...{ ENVIRONMENT: 'development', DATABASE_URL: databaseUrl, NEON_FETCH_ENDPOINT: neon.url },
    ...{ UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN, SESSION_HASH_SECRET },
    ...{ RATE_LIMIT_READS: '999999', RATE_LIMIT_WRITES: '999999' },
  })
  await worker.start()

  const caller = new Caller(worker.port)
  const users: User[] = []
  const hashes: string[] = []
  for (let i = 0; i < connections; i += 1) {
    const { rows } = await neon.query('insert into users (email, name) values ($1, $2) returning id', [
      `user-${i}@test`,
      'Test',
    ])
    const id = rows[0]?.id as string
    const token = `canary${randomBytes(16).toString('hex')}`
    const hash = createHmac('sha256', SESSION_HASH_SECRET).update(token).digest('hex')
    await neon.query(
      "insert into user_sessions (user_id, token_hash, expires_at, revoked) values ($1, $2, now() + interval '1 day', false)",
      [id, hash],
    )
    hashes.push(hash)
    users.push(new User(caller, `of user ${i}`, id, token))
  }

  return {
    ...{ database, limiter, worker, caller, users },
    async stored() {
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      const { rows } = await client.query('select id, user_id, title, completed, version from tasks')
      await client.end()
      return rows.map((row) => ({ ...row, id: Number(row.id) }))
    },
    /** Lines of the Worker's log, and bodies of errors, that hold what they must not. */
    leaks(): string[] {
      const canaries = [...Object.values(CANARIES), ...hashes, 'canary']
      const lines = [...worker.log.flatMap((output) => output.split('\n')), ...caller.bodies]
      return lines.filter((line) => canaries.some((canary) => line.includes(canary)))
    },
    async close() {
      caller.close()
      await worker.kill()
      await Promise.all([neon.close(), upstash.close()])
      await Promise.all([database.kill(), limiter.kill()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type World = Awaited<ReturnType<typeof startWorld>>
