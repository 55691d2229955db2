import { parentPort } from 'node:worker_threads'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import { createDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'

/** A thread that world.ts starts: Neon in memory or, given a server, in front of that. Any message ends it. */

const { LOCAL_POSTGRES_URL: postgres } = process.env
const database = postgres ? await createDatabase(postgres) : undefined
const neon = await startNeon(database ? { postgresUrl: database.url } : {})
const faulty = await startFaultProxy(neon.url)
// The stand-in takes any credentials; the password is a canary that no log may repeat.
const databaseUrl = `postgres://tests:canary-database-password@127.0.0.1:${neon.port}/tasks`
await migrateAuth(neon)
await up({ databaseUrl, fetchEndpoint: neon.url })
parentPort?.postMessage({
  DATABASE_URL: databaseUrl,
  NEON_FETCH_ENDPOINT: neon.url,
  FAULTY_NEON: `${faulty.url}/sql`,
})
parentPort?.once('message', async () => {
  await faulty.close()
  await neon.close()
  await database?.drop()
})
