import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { User } from '../world/data.ts'
import type { Operation } from './operations.ts'

const run = promisify(execFile)

/** Latencies in ms. */
export interface Load {
  requests: number
  seconds: number
  p50: number
  p95: number
}

export interface LoadOptions {
  url: string
  authorization: string
  operation: Operation | 'mix'
  user: User
  connections: number
  seconds: number
}

/** Throws when a single answer was not a success: figures of failures are worth nothing. Nor are those of no answer. */
export async function load(options: LoadOptions): Promise<Load> {
  const { url, authorization, operation, user, connections, seconds } = options
  const script = fileURLToPath(new URL('wrk.lua', import.meta.url))
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]
  const { stdout } = await run('wrk', args, {
    env: {
      ...process.env,
      OPERATION: operation,
      AUTHORIZATION: authorization,
      FIRST: `${user.first}`,
      LAST: `${user.last}`,
    },
  })
  const { errors, ...figures }: Load & { errors: number } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  if (errors > 0) throw new Error(`${operation} at ${url}: ${errors} of ${figures.requests} answers failed`)
  return figures
}

/** Debian's package, where it is missing and may be installed. */
export async function installWrk(): Promise<void> {
  if (await has('wrk')) return
  await run('apt-get', ['install', '-y', '-qq', 'wrk']).catch(() => {})
  if (!(await has('wrk'))) throw new Error('The load comes from wrk: apt-get install wrk')
}

const has = (command: string) =>
  run('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  )
