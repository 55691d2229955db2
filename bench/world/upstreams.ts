import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Report } from './delay.ts'
import { end } from './process.ts'

/** Of all stacks, by HTTP and by TCP. */
export interface Calls {
  toDatabase: number
  toRedis: number
  /** Commands, by Upstash's stand-in alone. */
  billed: number
}

/** Neon, Upstash, and relays to PostgreSQL and Redis: four processes, each with the same injected round-trip time. */
export interface Upstreams {
  neonPort: number
  upstashPort: number
  postgresPort: number
  redisPort: number
  /** Sets the round-trip time, and says what came in since the last time it was set. */
  setRtt(rtt: number): Promise<Calls>
  close(): Promise<void>
}

export async function startUpstreams(
  postgresUrl: string,
  redisUrl: string,
  token: string,
): Promise<Upstreams> {
  const children = [
    start('stand-in', 'neon', postgresUrl),
    start('stand-in', 'upstash', redisUrl, token),
    start('relay', new URL(postgresUrl).port),
    start('relay', new URL(redisUrl).port),
  ]
  const ports = await Promise.all(children.map(async (child) => (await answer<{ port: number }>(child)).port))
  const [neonPort, upstashPort, postgresPort, redisPort] = ports as [number, number, number, number]
  return {
    neonPort,
    upstashPort,
    postgresPort,
    redisPort,
    async setRtt(rtt) {
      const reports = await Promise.all(
        children.map((child) => {
          child.send({ rtt })
          return answer<Report>(child)
        }),
      )
      const [neon, upstash, postgres, redis] = reports as [Report, Report, Report, Report]
      return {
        toDatabase: neon.calls + postgres.calls,
        toRedis: upstash.calls + redis.calls,
        billed: upstash.billed,
      }
    },
    async close() {
      await Promise.all(children.map(end))
    },
  }
}

const start = (name: string, ...args: string[]) =>
  fork(fileURLToPath(new URL(`${name}.ts`, import.meta.url)), args)

async function answer<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(60_000) })
  return message as T
}
