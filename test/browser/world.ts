import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ProvidedContext } from 'vitest'
import type { TestProject } from 'vitest/node'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth, startAuth } from '../../local/auth/index.ts'
import { startNeon } from '../../local/neon.ts'
import { startLeashed } from '../../local/processes.ts'
import { image } from '../setup/image.ts'
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
  const started: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    project.provide('world', await start(folder, started))
  } catch (error) {
    await close()
    throw error
  }
  return close
}

async function start(folder: string, started: (() => Promise<unknown>)[]): Promise<ProvidedContext['world']> {
  function opened<T extends { close(): Promise<unknown> }>(server: T): T {
    started.push(() => server.close())
    return server
  }
  const sessionHashSecret = 'session hash secret of the browser tests'
  // Made by the other tests, when they have been run here.
  const neon = opened(await startNeon({ image: existsSync(image) ? image : undefined }))
  // In a thread of its own: this one is busy with a page of statements, now and then for longer than the limiter waits.
  const redis = new Worker(join(root, 'test/setup/upstash.ts'))
  const [upstash] = await once(redis, 'message')
  started.push(async () => {
    redis.postMessage('close')
    await once(redis, 'exit')
  })
  const { databaseUrl } = neon
  if (!neon.pglite) throw new Error('the stand-in has no PGlite')
  const pages = opened(await startPages(join(folder, 'web')))
  const web = `http://localhost:${pages.port}`
  const auth = opened(
    await startAuth({
      database: neon.pglite,
      secret: 'better-auth secret of the browser tests, 0123456789',
      sessionHashSecret,
      origins: [web],
    }),
  )
  const settings = {
    ENVIRONMENT: 'development',
    DATABASE_URL: databaseUrl,
    NEON_FETCH_ENDPOINT: neon.url,
    UPSTASH_REDIS_REST_URL: upstash.UPSTASH_REDIS_REST_URL,
    UPSTASH_REDIS_REST_TOKEN: upstash.UPSTASH_REDIS_REST_TOKEN,
    SESSION_HASH_SECRET: sessionHashSecret,
    CORS_ORIGINS: web,
  }
  const envFile = join(folder, 'env')
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"`)
  await writeFile(envFile, lines.join('\n'))
  const api = opened(startApi(['--env-file', envFile, '--persist-to', join(folder, 'state')]))
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  const urls = { web, api: await api.url, auth: `http://localhost:${auth.port}` }
  await buildWeb(join(folder, 'web'), urls)
  return { ...urls, databaseUrl, neon: neon.url }
}

/** `wrangler dev`, on a port of its own choice, which it says. Like that of `npm run dev`, it outlives nobody. */
function startApi(args: string[]): { url: Promise<string>; close(): Promise<unknown> } {
  const api = startLeashed(
    [
      ...[join(root, 'node_modules/wrangler/wrangler-dist/cli.js'), 'dev'],
      ...['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', ...args],
      '--show-interactive-dev-session=false',
    ],
    root,
    { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' },
    'pipe',
  )
  const url = new Promise<string>((resolve, reject) => {
    let output = ''
    for (const stream of api.output) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk
        const port = /Ready on http:\/\/[^:]+:(\d+)/.exec(output)?.[1]
        if (port) resolve(`http://localhost:${port}`)
      })
    }
    void api.exit.then(() => reject(new Error(`wrangler dev ended: ${output}`)))
  })
  // Whoever waits for it is told; it may also end while nobody does.
  url.catch(() => {})
  return { url, close: api.close }
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
