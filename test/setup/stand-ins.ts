import { parentPort } from 'node:worker_threads'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { createDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'
import type { World } from './world.ts'

/** The thread that world.ts starts: stand-ins in memory or, given servers, in front of those. Any message ends it. */

const { LOCAL_POSTGRES_URL: postgres, LOCAL_REDIS_URL: redisUrl } = process.env
const database = postgres ? await createDatabase(postgres) : undefined
const token = crypto.randomUUID()
const [neon, upstash] = await Promise.all([
  startNeon(database ? { postgresUrl: database.url } : {}),
  startUpstash(redisUrl ? { token, redisUrl } : { token }),
])
const [faultyNeon, faultyUpstash] = await Promise.all([
  startFaultProxy(neon.url),
  startFaultProxy(upstash.url),
])
// The stand-in takes any credentials; the password is a canary that no log may repeat.
const databaseUrl = `postgres://tests:canary-database-password@127.0.0.1:${neon.port}/tasks`
await migrateAuth(neon)
await up({ databaseUrl, fetchEndpoint: neon.url })
const world: World = {
  DATABASE_URL: databaseUrl,
  NEON_FETCH_ENDPOINT: neon.url,
  UPSTASH_REDIS_REST_URL: upstash.url,
  UPSTASH_REDIS_REST_TOKEN: token,
  FAULTY_NEON: `${faultyNeon.url}/sql`,
  FAULTY_UPSTASH: faultyUpstash.url,
  realServices: Boolean(postgres && redisUrl),
}
parentPort?.postMessage(world)
parentPort?.once('message', async () => {
  await Promise.all([faultyNeon.close(), faultyUpstash.close()])
  await Promise.all([neon.close(), upstash.close()])
  await database?.drop()
})
