import { createHash } from 'node:crypto'
import { Redis as Client, Command as ClientCommand } from 'ioredis'

/** Strings hold a byte a character. */
export type Command = [name: string, ...args: string[]]
export type Reply = string | number | null | ReplyError | Reply[]

/** What Redis answers with, as against a Redis that does not answer. */
export class ReplyError extends Error {}

/** A reply that is no string to a script, such as OK. */
export class Status {
  readonly ok: string
  constructor(ok: string) {
    this.ok = ok
  }
}

/** Scripts come as EVAL. */
export interface Redis {
  send(command: Command): Promise<Reply>
  transaction(commands: Command[]): Promise<Reply[]>
  close(): void
}

export const sha1 = (text: string) => createHash('sha1').update(text, 'latin1').digest('hex')

// Upstash sends the pairs as Redis does; ioredis would make an object of them.
ClientCommand.setReplyTransformer('hgetall', (pairs) => pairs)

export async function remote(url: string): Promise<Redis> {
  const redis = new Client(url, {
    lazyConnect: true,
    // A Redis that is away is an error now; the connection comes back by itself.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Read as numbers, those past 2^53 would be off by more than a number's own rounding.
    stringNumbers: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    retryStrategy: (times) => Math.min(times * 50, 500),
  })
  let reason: unknown
  redis.on('error', (error) => {
    reason = error
  })
  await redis.connect().catch((error) => {
    redis.disconnect()
    throw reason ?? error
  })

  const send = ([name, ...args]: Command) =>
    redis.callBuffer(name, ...args.map((arg) => Buffer.from(arg, 'latin1'))).then(toReply, toReply)

  return {
    async send(command) {
      const [name, source = '', ...args] = command
      if (name !== 'eval') return send(command)
      const reply = await send(['evalsha', sha1(source), ...args])
      return reply instanceof ReplyError && reply.message.startsWith('NOSCRIPT') ? send(command) : reply
    },
    async transaction(commands) {
      const multi = redis.multi()
      for (const [name, ...args] of commands) {
        multi.callBuffer(name, ...args.map((arg) => Buffer.from(arg, 'latin1')))
      }
      const replies = (await multi.exec()) ?? []
      return replies.map(([error, reply]) => toReply(error ?? reply))
    },
    close: () => redis.disconnect(),
  }
}

/** Throws what is not an answer of Redis. */
function toReply(value: unknown): Reply {
  if (Array.isArray(value)) return value.map(toReply)
  if (value instanceof Buffer) return value.toString('latin1')
  if (typeof value === 'string') return Number(value)
  if (!(value instanceof Error)) return value as Reply
  if (value.name === 'ReplyError') return new ReplyError(value.message)
  throw value
}
