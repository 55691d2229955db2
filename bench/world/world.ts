import { createDatabase, type Data, fill } from './data.ts'
import type { App } from './process.ts'
import { LABELS, type Places, type StackName, startStack } from './stacks.ts'
import { startUpstreams, type Upstreams } from './upstreams.ts'

/** Everything that runs while something is measured. */
export interface World {
  apps: Partial<Record<StackName, App>>
  data: Data
  places: Places
  upstreams: Upstreams
  /** The process that all of PostgreSQL's are children of. */
  postmaster: number
  /** Why a stack, or a measurement, is not there. */
  skipped: Record<string, string>
  close(): Promise<void>
}

const SECRET = 'benchmark-session-hash-secret-32-characters'

export async function startWorld(stacks: readonly StackName[], users: number): Promise<World> {
  const { LOCAL_POSTGRES_URL: server, LOCAL_REDIS_URL: redis } = process.env
  if (!server || !redis)
    throw new Error('Run this behind .ci/with-services: it needs a PostgreSQL and a Redis.')
  // An exit ends the servers; a bare signal would leave them.
  process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143))
  process.setMaxListeners(20)
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    const database = await createDatabase(server)
    closing.push(database.drop)
    const token = crypto.randomUUID()
    const upstreams = await startUpstreams(database.url, redis, token)
    closing.push(upstreams.close)
    const places: Places = {
      databaseUrl: `postgres://bench:bench@127.0.0.1:${upstreams.neonPort}/tasks`,
      neonUrl: `http://127.0.0.1:${upstreams.neonPort}/sql`,
      upstashUrl: `http://127.0.0.1:${upstreams.upstashPort}`,
      upstashToken: token,
      postgresUrl: withPort(database.url, upstreams.postgresPort),
      redisUrl: withPort(redis, upstreams.redisPort),
      secret: SECRET,
    }
    const neon = { databaseUrl: places.databaseUrl, fetchEndpoint: places.neonUrl }
    const data = await fill(database.url, neon, SECRET, users)
    const apps: World['apps'] = {}
    const skipped: Record<string, string> = {}
    for (const name of stacks) {
      try {
        const app = await startStack(name, places)
        apps[name] = app
        closing.push(app.close)
      } catch (error) {
        // A machine may well have no Python, or no way to its registry. The rest is not optional.
        if (!name.startsWith('fastapi')) throw error
        skipped[name] = `could not be installed or started: ${(error as Error).message.split('\n')[0]}`
        console.log(`${LABELS[name]} is skipped: it ${skipped[name]}`)
      }
    }
    return { apps, data, places, upstreams, postmaster: database.postmaster, skipped, close }
  } catch (error) {
    await close()
    throw error
  }
}

function withPort(from: string, port: number): string {
  const url = new URL(from)
  url.port = `${port}`
  return url.href
}
