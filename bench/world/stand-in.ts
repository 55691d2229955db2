import { Server } from 'node:http'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { count, delayed, ready } from './delay.ts'

/** One local stand-in in a process of its own: `stand-in.ts neon POSTGRES_URL` or `stand-in.ts upstash REDIS_URL TOKEN`. */

// Where every request comes in: no second hop, so that a round-trip time of 0 really is the stand-in's own.
const emit: (this: Server, event: string, ...args: unknown[]) => boolean = Server.prototype.emit
Server.prototype.emit = function (this: Server, event: string, ...args: unknown[]) {
  if (event !== 'request') return emit.call(this, event, ...args)
  count()
  delayed(() => emit.call(this, event, ...args))
  return true
}

const [, , kind, url = '', token = ''] = process.argv
if (kind === 'neon') {
  const databaseUrl = 'postgres://bench:bench@127.0.0.1/tasks'
  ready((await startNeon({ postgresUrl: url, databaseUrl })).port)
} else {
  const { port, billed } = await startUpstash({ token, redisUrl: url })
  ready(port, billed)
}
