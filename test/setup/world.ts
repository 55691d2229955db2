import type { TestProject } from 'vitest/node'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { createDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'

declare module 'vitest' {
  interface ProvidedContext {
    world: World
  }
}

/** What the Worker under test is bound to, and what tests need to look behind it. */
export interface World {
  DATABASE_URL: string
  NEON_FETCH_ENDPOINT: string
  UPSTASH_REDIS_REST_URL: string
  UPSTASH_REDIS_REST_TOKEN: string
  /** The same two, with faults on demand: see fault-proxy.ts. */
  FAULTY_NEON: string
  FAULTY_UPSTASH: string
  /** Whether a real PostgreSQL and Redis stand behind the stand-ins. */
  realServices: boolean
}

/** Neon and Upstash on free ports, for one run of the tests: in memory, or in front of real servers. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
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
  project.provide('world', {
    DATABASE_URL: databaseUrl,
    NEON_FETCH_ENDPOINT: neon.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: token,
    FAULTY_NEON: `${faultyNeon.url}/sql`,
    FAULTY_UPSTASH: faultyUpstash.url,
    realServices: Boolean(postgres && redisUrl),
  })
  return async () => {
    await Promise.all([faultyNeon.close(), faultyUpstash.close()])
    await Promise.all([neon.close(), upstash.close()])
    await database?.drop()
  }
}
