import { fileURLToPath } from 'node:url'
import { build, python } from './build.ts'
import { type App, freePort, startApp } from './process.ts'
import { startWorkerd } from './workerd.ts'

export const STACKS = ['worker', 'floor', 'naive', 'fastify', 'express', 'fastapi', 'fastapi-lean'] as const
export type StackName = (typeof STACKS)[number]

export const LABELS: Record<StackName, string> = {
  worker: 'this Worker',
  floor: 'floor: bare Hono, one raw Neon call',
  naive: 'naive Hono Worker, three awaits',
  fastify: 'Fastify + pg + @fastify/rate-limit',
  express: 'Express + pg + express-rate-limit',
  fastapi: 'FastAPI + SQLAlchemy + slowapi: the first design',
  'fastapi-lean': 'the same without its pool_pre_ping',
}

/** Where the upstreams are, for both kinds of stacks: over HTTP, and over TCP. */
export interface Places {
  databaseUrl: string
  neonUrl: string
  upstashUrl: string
  upstashToken: string
  postgresUrl: string
  redisUrl: string
  secret: string
}

/** A minute, as wrangler.toml has them; every stack the same. */
export const LIMITS = { reads: 100, writes: 30 }
const limits = { RATE_LIMIT_READS: `${LIMITS.reads}`, RATE_LIMIT_WRITES: `${LIMITS.writes}` }

export const workerVars = (places: Places) => ({
  ENVIRONMENT: 'development',
  DATABASE_URL: places.databaseUrl,
  NEON_FETCH_ENDPOINT: places.neonUrl,
  SESSION_HASH_SECRET: places.secret,
  UPSTASH_REDIS_REST_URL: places.upstashUrl,
  UPSTASH_REDIS_REST_TOKEN: places.upstashToken,
  ...limits,
})

const serverVars = (places: Places, port: number) => ({
  NODE_ENV: 'production',
  PORT: `${port}`,
  DATABASE_URL: places.postgresUrl,
  REDIS_URL: places.redisUrl,
  SESSION_HASH_SECRET: places.secret,
  ...limits,
})

const peers = fileURLToPath(new URL('../peers', import.meta.url))

export async function startStack(name: StackName, places: Places): Promise<App> {
  if (name === 'worker' || name === 'floor' || name === 'naive') {
    return await startWorkerd(await build(name), workerVars(places))
  }
  const port = await freePort()
  const env = { ...serverVars(places, port), POOL_PRE_PING: name === 'fastapi' ? 'on' : 'off' }
  if (name === 'fastify' || name === 'express')
    return await startApp(port, { file: process.execPath, args: [`${peers}/${name}.ts`], env })
  const args = ['-m', 'uvicorn', 'fastapi_app:app', '--app-dir', peers, '--host', '127.0.0.1']
  const quiet = ['--port', `${port}`, '--no-access-log', '--log-level', 'warning']
  return await startApp(port, { file: await python(), args: [...args, ...quiet], env })
}
