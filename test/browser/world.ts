import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth, startAuth } from '../../local/auth/index.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { startPages } from './pages.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The three origins that a browser meets, and the database behind them. */
    world: { web: string; api: string; auth: string; databaseUrl: string; neon: string }
  }
}

const root = join(import.meta.dirname, '../..')

/** The local world on free ports: what `npm run dev` and `npm run web` start, with data of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tasks-browser-'))
  const upstashToken = crypto.randomUUID()
  const sessionHashSecret = 'session hash secret of the browser tests'
  const [neon, upstash] = await Promise.all([startNeon({}), startUpstash({ token: upstashToken })])
  const { databaseUrl } = neon
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  if (!neon.pglite) throw new Error('the stand-in has no PGlite')
  const pages = await startPages(join(folder, 'web'))
  const web = `http://localhost:${pages.port}`
  const auth = await startAuth({
    database: neon.pglite,
    secret: 'better-auth secret of the browser tests, 0123456789',
    sessionHashSecret,
    origins: [web],
  })
  const settings = {
    ENVIRONMENT: 'development',
    DATABASE_URL: databaseUrl,
    NEON_FETCH_ENDPOINT: neon.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstashToken,
    SESSION_HASH_SECRET: sessionHashSecret,
    CORS_ORIGINS: web,
  }
  const envFile = join(folder, 'env')
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"`)
  await writeFile(envFile, lines.join('\n'))
  const api = await startApi(['--env-file', envFile, '--persist-to', join(folder, 'state')])
  const urls = { web, api: api.url, auth: `http://localhost:${auth.port}` }
  await buildWeb(join(folder, 'web'), urls)
  project.provide('world', { ...urls, databaseUrl, neon: neon.url })
  return async () => {
    await api.close()
    await auth.close()
    await pages.close()
    await Promise.all([neon.close(), upstash.close()])
    await rm(folder, { recursive: true, force: true })
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
      const port = /Ready on http:\/\/[^:]+:(\d+)/.exec(output)?.[1]
      if (port) resolve(`http://localhost:${port}`)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', () => reject(new Error(`wrangler dev ended: ${output}`)))
  })
  return { url, close: () => ended(child) }
}

/** The web app as it would be deployed, for these addresses. */
async function buildWeb(folder: string, urls: { api: string; auth: string }): Promise<void> {
  const cwd = join(root, 'examples/web')
  const vite = join(cwd, 'node_modules/vite/bin/vite.js')
  const child = spawn(
    process.execPath,
    [vite, 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'],
    {
      cwd,
      stdio: 'inherit',
      env: { ...process.env, NODE_ENV: 'production', VITE_API_URL: urls.api, VITE_AUTH_URL: urls.auth },
    },
  )
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error('examples/web could not be built: is it installed (npm run web:install)?')
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}
