import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import pg from 'pg'
import { shapeFaults, up } from '../drizzle/migrate.ts'
import { allowedOrigins, migrateAuth, startAuth } from './auth/index.ts'
import { startNeon } from './neon.ts'
import { introduce } from './own-database.ts'
import { holderOf, onOrphaned, probe, startLeashed } from './processes.ts'
import { startUpstash } from './upstash.ts'

/**
 * The whole system on this machine: `npm run dev`. `--fresh` forgets all data first; `--services` starts everything
 * but the API (`npm run services`), for a `wrangler dev` of one's own.
 */

const PORTS = { API: 8787, 'auth server': 8788, database: 8789, limiter: 8790 }
const DEMO = { email: 'demo@example.com', name: 'Demo', password: 'demo-password' }

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}.local`
const withApi = !process.argv.includes('--services')
// `npm run dev --fresh`, without the `--`: npm keeps it, and tells.
const fresh = process.argv.includes('--fresh') || process.env.npm_config_fresh === 'true'

const started: { close(): Promise<unknown> }[] = []
let stopping = false

/** Ends what was started, the newest first. */
async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  for (const { close } of started.splice(0).reverse()) await close()
  process.exit(code)
}

/** A sentence for the person at the terminal, in place of a stack. */
class Refusal extends Error {}

/** Wrangler's own, unless another debugger has it. */
const debuggerPort = (await probe(9229)) ?? (await probe(0))

async function assertPortsFree(): Promise<void> {
  for (const [name, port] of Object.entries(PORTS)) {
    if ((name === 'API' && !withApi) || (await probe(port))) continue
    throw new Refusal(`Port ${port}, for the ${name}, is taken ${holderOf(port)}.`)
  }
}

/** The server of LOCAL_POSTGRES_URL is somebody's own: nothing is done to it that was not said first. */
async function assertOurs(postgresUrl: string): Promise<void> {
  if (fresh) {
    throw new Refusal(
      '--fresh forgets .local, not the database of LOCAL_POSTGRES_URL: dropdb and createdb do.',
    )
  }
  const { host, pathname } = new URL(postgresUrl)
  const client = new pg.Client({ connectionString: postgresUrl })
  try {
    await client.connect()
    console.log(await introduce(client, host + pathname))
  } catch (error) {
    throw new Refusal(`LOCAL_POSTGRES_URL: ${(error as Error).message}`)
  } finally {
    await client.end()
  }
}

async function main(): Promise<void> {
  await assertPortsFree()
  const { LOCAL_POSTGRES_URL: postgresUrl, LOCAL_REDIS_URL: redisUrl } = process.env
  if (postgresUrl) await assertOurs(postgresUrl)
  if (fresh) await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  console.log(`Starting the database, the limiter, the auth server${withApi ? ' and the API' : ''} …`)

  const vars = parseEnv(await readFile(`${root}.dev.vars.example`, 'utf8')) as Record<string, string>
  const neon = await startNeon({
    port: PORTS.database,
    databaseUrl: vars.DATABASE_URL as string,
    ...(postgresUrl ? { postgresUrl } : { dataDir: `${folder}/postgres` }),
  })
  started.push(neon)
  started.push(
    await startUpstash({
      port: PORTS.limiter,
      token: vars.UPSTASH_REDIS_REST_TOKEN as string,
      ...(redisUrl && { redisUrl }),
    }),
  )
  await migrateAuth(neon)
  const target = { databaseUrl: vars.DATABASE_URL as string, fetchEndpoint: neon.url }
  await up(target)
  const faults = await shapeFaults(target)
  if (faults.length > 0)
    throw new Refusal(`The database is not as the API needs it:\n  ${faults.join('\n  ')}`)
  const auth = await startAuth({
    port: PORTS['auth server'],
    database: postgresUrl ?? neon.pglite,
    secret: 'local-development-secret-for-better-auth',
    sessionHashSecret: vars.SESSION_HASH_SECRET as string,
    origins: allowedOrigins(vars.CORS_ORIGINS),
  })
  started.push(auth)
  const token = await signInDemoUser(auth.url)
  await writeFile(`${folder}/demo-token`, token, { mode: 0o600 })
  if (withApi) await startApi(vars)
  console.log(welcome(token))
}

/** Over HTTP, as any frontend would. The user is kept with the data, so the second start signs in. */
async function signInDemoUser(authUrl: string): Promise<string> {
  for (const path of ['sign-in', 'sign-up']) {
    const response = await fetch(`${authUrl}/api/auth/${path}/email`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: `http://localhost:${PORTS.API}` },
      body: JSON.stringify(DEMO),
    })
    if (response.ok) return ((await response.json()) as { token: string }).token
  }
  throw new Refusal('The auth server let the demo user neither sign in nor sign up.')
}

/**
 * `wrangler dev` with the settings of .dev.vars, but for those that name a stand-in: these are .dev.vars.example's.
 * Ready when the database answers it.
 */
async function startApi(vars: Record<string, string>): Promise<void> {
  const own = parseEnv(await readFile(`${root}.dev.vars`, 'utf8').catch(() => '')) as Record<string, string>
  const passed = Object.keys(own).filter((name) => !(name in vars))
  if (passed.length > 0) console.log(`Of .dev.vars, the API takes ${passed.join(', ')}.`)
  const left = Object.keys(own).filter((name) => name in vars && own[name] !== vars[name])
  if (left.length > 0)
    console.log(`Of .dev.vars, it does not take ${left.join(', ')}: these are the stand-ins' here.`)
  const api = startLeashed(
    [
      '--no-warnings',
      `${root}node_modules/wrangler/wrangler-dist/cli.js`,
      'dev',
      ...['--ip', '127.0.0.1', '--port', `${PORTS.API}`, '--inspector-port', `${debuggerPort}`],
      // The later file wins.
      ...(passed.length > 0 ? ['--env-file', '.dev.vars'] : []),
      ...['--env-file', '.dev.vars.example'],
      ...['--define', 'DEVELOPING:true', '--show-interactive-dev-session=false'],
    ],
    root,
    { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
  )
  started.push(api)
  void api.exit.then(() => {
    if (!stopping) void stop(1)
  })
  const deadline = Date.now() + 60_000
  while (!(await isReady())) {
    if (Date.now() > deadline) throw new Refusal('The API did not answer within a minute.')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${PORTS.API}/health/ready`)).ok
  } catch {
    return false
  }
}

const api = `
  API          http://localhost:${PORTS.API}        docs: http://localhost:${PORTS.API}/docs
  debugger     http://localhost:${debuggerPort}        chrome://inspect, or "attach" in an editor`

const services = `
  auth server  http://localhost:${PORTS['auth server']}        ${DEMO.email} / ${DEMO.password}
  database     http://localhost:${PORTS.database}/sql    Neon's SQL over HTTP
  limiter      http://localhost:${PORTS.limiter}        Upstash's REST`

const welcome = (token: string) =>
  withApi
    ? `${api}${services}

  Create a task as the demo user (the token is in .local/demo-token):

  curl -i http://localhost:${PORTS.API}/tasks -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"title":"Buy milk"}'

  Ctrl-C ends everything; the data stays in .local until npm run dev -- --fresh.
`
    : `${services}

  The demo user's token is in .local/demo-token. Copy .dev.vars.example to .dev.vars for a wrangler dev of your own.
  Ctrl-C ends everything; the data stays in .local until npm run services -- --fresh.
`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A second Ctrl-C does not wait.
    if (stopping) process.exit(1)
    void stop(0)
  })
}

onOrphaned(() => void stop(0))

main().catch(async (error: unknown) => {
  console.error(error instanceof Refusal ? error.message : error)
  await stop(1)
})
