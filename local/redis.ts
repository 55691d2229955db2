import { createHash, randomUUID } from 'node:crypto'
import { Redis, Command as RedisCommand } from 'ioredis'
import RedisMock from 'ioredis-mock'
import { type Call, luaMachine, ReplyError } from './lua.ts'

export type Command = [name: string, ...args: string[]]
export type Outcome = { result: unknown } | { error: string }

/** Adds to the commands that Upstash would bill. */
export type Bill = (commands: number) => void

/** Scripts come as EVAL with their source; each command inside one is billed too. */
export interface Store {
  send(command: Command, bill: Bill): Promise<unknown>
  transaction(commands: Command[], bill: Bill): Promise<Outcome[]>
  close(): void
}

// Upstash sends the pairs as Redis does; ioredis, and with it the mock, would make an object of them.
RedisCommand.setReplyTransformer('hgetall', (pairs) => pairs)

export const sha1 = (script: string) => createHash('sha1').update(script).digest('hex')

export async function toOutcome(reply: Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await reply }
  } catch (error) {
    if (error instanceof ReplyError) return { error: error.message }
    throw error
  }
}

export async function remote(url: string): Promise<Store> {
  const redis = new Redis(url, {
    lazyConnect: true,
    // A Redis that is away is an error now; the connection comes back by itself.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
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

  const refuse = (error: Error): never => {
    throw error.name === 'ReplyError' ? new ReplyError(error.message) : error
  }

  return {
    async send(command, bill) {
      bill(1)
      const [name, script = '', ...args] = command
      if (name !== 'eval') return redis.call(...command).catch(refuse)
      const source = counting(script)
      const reply = await redis.call('evalsha', sha1(source), ...args).catch((error) => error)
      if (reply instanceof Error && !reply.message.startsWith('NOSCRIPT')) return refuse(reply)
      const whole = reply instanceof Error ? redis.call('eval', source, ...args).catch(refuse) : reply
      const [inside, result = null] = (await whole) as [number, unknown?]
      bill(inside)
      return result instanceof Error ? refuse(result) : result
    },
    async transaction(commands, bill) {
      bill(commands.length)
      const multi = redis.multi()
      for (const command of commands) multi.call(...command)
      const replies = await multi.exec().catch(refuse)
      return (replies ?? []).map(([error, result]) => (error ? { error: error.message } : { result }))
    },
    close: () => redis.disconnect(),
  }
}

/** The same script, which also says how many commands it called; no line of it has another number. */
const counting = (script: string) =>
  `local called, redis = 0, setmetatable({}, { __index = redis }) for _, name in ipairs { 'call', 'pcall' } do local call = getmetatable(redis).__index[name] redis[name] = function(...) called = called + 1 return call(...) end end local reply = (function() ${script}
end)() return { called, reply }`

/** One thread: a command, a script or a transaction ends before anything else begins. */
export function memory(): Store {
  const call = mockCommands()
  let called = 0
  const evaluate = luaMachine((...command) => {
    called += 1
    return call(...command)
  })
  const seen = new Set<string>()

  /** An expired key goes when it is looked at, and a past window's never is: look at a few old ones each time. */
  function forget() {
    let looks = 4
    for (const key of seen) {
      if (looks-- === 0) return
      seen.delete(key)
      if (call('exists', [key])) seen.add(key)
    }
  }

  async function send([name, ...args]: Command, bill: Bill): Promise<unknown> {
    forget()
    bill(1)
    if (name !== 'eval') {
      if (args[0]) seen.add(args[0])
      return call(name, args)
    }
    const [source = '', count, ...rest] = args
    const keys = rest.splice(0, Number(count))
    for (const key of keys) seen.add(key)
    called = 0
    try {
      return evaluate(source, keys, rest)
    } finally {
      bill(called)
    }
  }

  return {
    send,
    transaction: (commands, bill) => Promise.all(commands.map((command) => toOutcome(send(command, bill)))),
    close: () => {},
  }
}

/** ioredis-mock's commands, called at once: wrapped in promises they would be of no use to a script. */
function mockCommands(): Call {
  type Commands = Record<string, (...args: string[]) => unknown>
  // Mocks of one address would share their data.
  const mock = new RedisMock({ host: randomUUID() } as { host: string })
  const { Pipeline } = RedisMock as unknown as { Pipeline: new (redis: unknown) => Commands }
  const commands = new Pipeline(mock)
  let reply: unknown
  Object.assign(commands, {
    _addTransaction(command: (...args: string[]) => unknown, _name: string, args: string[]) {
      reply = command(...args)
    },
  })

  return (name, args) => {
    const command = Object.hasOwn(commands, name) && /^[a-z]+$/.test(name) && commands[name]
    if (typeof command !== 'function') throw new ReplyError(`ERR unknown command '${name}'`)
    // The SDK writes the options of SET in small letters, which the mock does not know.
    const words = name === 'set' ? args.map((word, i) => (i < 2 ? word : word.toUpperCase())) : args
    try {
      command(...words)
    } catch (error) {
      throw new ReplyError((error as Error).message)
    }
    return reply?.constructor === Object ? Object.entries(reply).flat() : (reply ?? null)
  }
}
