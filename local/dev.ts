import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { shapeFaults, up } from '../drizzle/migrate.ts'
import { allowedOrigins, migrateAuth, startAuth } from './auth/index.ts'
import { startNeon } from './neon.ts'
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

const started: { close(): Promise<unknown> }[] = []
let stopping = false

/** Ends what was started, the newest first. */
async function stop(code: number): Promise<never> {
  stopping = true
  for (const { close } of started.splice(0).reverse()) await close()
  process.exit(code)
}

/** A sentence for the person at the terminal, in place of a stack. */
class Refusal extends Error {}

async function assertPortsFree(): Promise<void> {
  for (const [name, port] of Object.entries(PORTS)) {
    if (name === 'API' && !withApi) continue
    const probe = createServer()
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject).listen(port, '127.0.0.1', resolve)
    }).catch(() => {
      throw new Refusal(`Port ${port}, for the ${name}, is taken. Stop what listens there and start again.`)
    })
    await new Promise((resolve) => probe.close(resolve))
  }
}

async function main(): Promise<void> {
  await assertPortsFree()
  if (process.argv.includes('--fresh')) await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  console.log(`Starting the database, the limiter, the auth server${withApi ? ' and the API' : ''} …`)

  const vars = parseEnv(await readFile(`${root}.dev.vars.example`, 'utf8')) as Record<string, string>
  const { LOCAL_POSTGRES_URL: postgresUrl, LOCAL_REDIS_URL: redisUrl } = process.env
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
  if (withApi) await startApi()
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

/** `wrangler dev` with the stand-ins' settings, whatever .dev.vars says; ready when the database answers it. */
async function startApi(): Promise<void> {
  const args = ['dev', '--ip', '127.0.0.1', '--port', `${PORTS.API}`, '--env-file', '.dev.vars.example']
  const api = spawn(
    process.execPath,
    [`${root}node_modules/wrangler/bin/wrangler.js`, ...args, '--show-interactive-dev-session=false'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
    },
  )
  started.push({ close: () => ended(api) })
  api.once('exit', (code) => {
    if (!stopping) void stop(code ?? 1)
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

/** Asks a child to end, and waits until it has. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}

const welcome = (token: string) => `
  API          http://localhost:${PORTS.API}        docs: http://localhost:${PORTS.API}/docs
  auth server  http://localhost:${PORTS['auth server']}        ${DEMO.email} / ${DEMO.password}
  database     http://localhost:${PORTS.database}/sql    Neon's SQL over HTTP
  limiter      http://localhost:${PORTS.limiter}        Upstash's REST

  Create a task as the demo user (the token is in .local/demo-token):

  curl -i http://localhost:${PORTS.API}/tasks -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"title":"Buy milk"}'

  Ctrl-C ends everything; the data stays in .local until npm run dev -- --fresh.
`

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second Ctrl-C does not wait.
    if (stopping) process.exit(1)
    void stop(0)
  })
}

main().catch(async (error: unknown) => {
  console.error(error instanceof Refusal ? error.message : error)
  await stop(1)
})
