import { inject } from 'vitest'
import { up } from '../../drizzle/migrate.ts'
import type { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { startWorkerd, type Workerd } from '../../local/workerd.ts'
import type {} from '../setup/bundle.ts'

/** The task API as it is deployed, on the auth server's database: one process for each set of accepted secrets. */
export async function taskApis(neon: Awaited<ReturnType<typeof startNeon>>) {
  const DATABASE_URL = neon.databaseUrl
  await up({ databaseUrl: DATABASE_URL, fetchEndpoint: neon.url })
  const token = crypto.randomUUID()
  const upstash = await startUpstash({ token })
  const started = new Map<string, Promise<Workerd>>()

  function start([current = '', previous = '']: string[]) {
    return startWorkerd({
      bundle: inject('bundle'),
      vars: {
        DATABASE_URL,
        NEON_FETCH_ENDPOINT: neon.url,
        UPSTASH_REDIS_REST_URL: upstash.url,
        UPSTASH_REDIS_REST_TOKEN: token,
        SESSION_HASH_SECRET: current,
        SESSION_HASH_SECRET_PREVIOUS: previous,
      },
    })
  }

  return {
    async accepting(secrets: string[]): Promise<Workerd> {
      const key = secrets.join()
      const api = started.get(key) ?? start(secrets)
      started.set(key, api)
      return await api
    },
    /** Ends all of them; returns what they logged. */
    async close(): Promise<string[]> {
      const logs = await Promise.all(Array.from(started.values(), async (api) => await (await api).close()))
      await upstash.close()
      return logs
    },
  }
}

/** An IPv6 subscriber that nobody has heard of. */
export function randomAddress(): string {
  const [a, b] = crypto.getRandomValues(new Uint16Array(2))
  return `2001:db8:${a?.toString(16)}:${b?.toString(16)}::1`
}
