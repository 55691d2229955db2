import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth, startAuth } from '../../local/auth/index.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'

const root = join(import.meta.dirname, '../..')

/** The local world on free ports: what `npm run dev` starts, static assets included, with data of its own. */
export async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'tasks-browser-'))
  const upstashToken = crypto.randomUUID()
  const sessionHashSecret = 'session hash secret of the browser tests'
  const [neon, upstash] = await Promise.all([startNeon({}), startUpstash({ token: upstashToken })])
  const { databaseUrl } = neon
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  if (!neon.pglite) throw new Error('the stand-in has no PGlite')
  const auth = await startAuth({
    database: neon.pglite,
    secret: 'better-auth secret of the browser tests, 0123456789',
    sessionHashSecret,
  })
  const settings = {
    ENVIRONMENT: 'development',
    DATABASE_URL: databaseUrl,
    NEON_FETCH_ENDPOINT: neon.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstashToken,
    SESSION_HASH_SECRET: sessionHashSecret,
  }
  const envFile = join(folder, 'env')
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"`)
  await writeFile(envFile, lines.join('\n'))
  const api = await startApi(['--env-file', envFile, '--persist-to', join(folder, 'state')])
  return {
    url: api.url,
    /** Signs a user up, as a frontend would, and returns the session token. */
    async signUp(): Promise<string> {
      const response = await fetch(`${auth.url}/api/auth/sign-up/email`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Origin: 'http://localhost:3000' },
        body: JSON.stringify({
          name: 'Ann',
          email: `${crypto.randomUUID()}@example.com`,
          password: 'correct horse battery staple',
        }),
      })
      if (!response.ok) throw new Error(`sign-up answered ${response.status}`)
      return ((await response.json()) as { token: string }).token
    },
    async close(): Promise<void> {
      await api.close()
      await auth.close()
      await Promise.all([neon.close(), upstash.close()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `wrangler dev`; it says where it listens. */
async function startApi(args: string[]): Promise<{ url: string; close(): Promise<void> }> {
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const options = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0']
  const child = spawn(
    process.execPath,
    [wrangler, 'dev', ...options, ...args, '--show-interactive-dev-session=false'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
    },
  )
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk
      const ready = /Ready on (http:\/\/\S+)/.exec(output)
      if (ready?.[1]) resolve(ready[1])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', () => reject(new Error(`wrangler dev ended: ${output}`)))
  })
  return { url, close: () => ended(child) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}
