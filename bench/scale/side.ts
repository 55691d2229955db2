import pg from 'pg'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { build } from '../world/build.ts'
import { startWorkerd } from '../world/workerd.ts'
import { startExplaining } from './explaining.ts'
import { EACH, LONG, longOf, type Size, tokenOf } from './fill.ts'

export interface Task {
  id: number
  title: string
}

/** A Worker over one filled database. */
export type Side = Awaited<ReturnType<typeof startSide>>

export async function startSide(url: string, redisUrl: string, secret: string, size: Size) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const neon = await startNeon({ postgresUrl: url })
  const token = crypto.randomUUID()
  const upstash = await startUpstash({ token, redisUrl })
  const explaining = await startExplaining(client, neon.url)
  const env = {
    ENVIRONMENT: 'development',
    DATABASE_URL: neon.databaseUrl,
    NEON_FETCH_ENDPOINT: explaining.url,
    SESSION_HASH_SECRET: secret,
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${upstash.port}`,
    UPSTASH_REDIS_REST_TOKEN: token,
    // The user with the long history is asked for a page more often than a minute allows.
    RATE_LIMIT_READS: '999999',
    RATE_LIMIT_WRITES: '999999',
  }
  const worker = await startWorkerd(await build('worker'), env)
  const middles = new Map<number, string>()
  return {
    url,
    client,
    middles,
    env,
    explaining,
    size,
    async send(user: number, method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
      const response = await fetch(`${worker.url}${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${tokenOf(user)}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
      return response
    },
    aUser: () => 1 + Math.floor(Math.random() * size.users),
    async close() {
      await worker.close()
      await explaining.close()
      await upstash.close()
      await neon.close()
      await client.end()
    },
  }
}

export async function tasks(side: Side, user: number, query: string): Promise<Task[]> {
  return (await (await side.send(user, 'GET', `/tasks?${query}`)).json()) as Task[]
}

/** The cursor in the middle of a user's list, walked to as a client would. */
export async function middleOf(side: Side, user: number): Promise<string> {
  const known = side.middles.get(user)
  if (known) return known
  const half = (user === LONG ? longOf(side.size) : EACH) / 2
  const limit = Math.min(half, 500)
  let cursor = ''
  for (let seen = 0; seen < half; seen += limit) {
    const page = await side.send(user, 'GET', `/tasks?limit=${limit}${cursor}`)
    await page.arrayBuffer()
    cursor = `&cursor=${page.headers.get('X-Next-Cursor')}`
  }
  side.middles.set(user, cursor)
  return cursor
}
