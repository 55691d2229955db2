import { createHash, randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { Redis } from 'ioredis'
import RedisMock from 'ioredis-mock'

export type Command = [name: string, ...args: string[]]
export type Outcome = { result: unknown } | { error: string }

/** Scripts come as EVAL with their source. */
export interface Store {
  send(command: Command): Promise<unknown>
  transaction(commands: Command[]): Promise<Outcome[]>
  close(): void
}

/** What Redis answers with, as against a Redis that does not answer. */
export class ReplyError extends Error {}

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
  redis.on('error', () => {})
  await redis.connect().catch((error) => {
    redis.disconnect()
    throw error
  })

  const refuse = (error: Error): never => {
    throw error.name === 'ReplyError' ? new ReplyError(error.message) : error
  }

  return {
    async send(command) {
      const [name, source = '', ...args] = command
      if (name !== 'eval') return redis.call(...command).catch(refuse)
      const reply = await redis.call('evalsha', sha1(source), ...args).catch((error) => error)
      if (!(reply instanceof Error)) return reply
      return reply.message.startsWith('NOSCRIPT') ? redis.call(...command).catch(refuse) : refuse(reply)
    },
    async transaction(commands) {
      const multi = redis.multi()
      for (const command of commands) multi.call(...command)
      const replies = await multi.exec().catch(refuse)
      return (replies ?? []).map(([error, result]) => (error ? { error: error.message } : { result }))
    },
    close: () => redis.disconnect(),
  }
}

/** One process, one thread: a command, a script and a transaction each end before anything else begins. */
export function memory(): Store {
  // Mocks of one address share their data.
  const redis = new RedisMock({ host: randomUUID() } as { host: string })
  keepLua()
  const seen = new Set<string>()
  // An expired key goes when it is next looked at, and a key of a past window never is.
  const sweep = setInterval(async () => {
    for (const key of seen) if (!(await redis.exists(key))) seen.delete(key)
  }, 10_000).unref()

  async function send([name, ...args]: Command): Promise<unknown> {
    const method: unknown = Object.hasOwn(redis, name) && Reflect.get(redis, name)
    if (typeof method !== 'function') throw new ReplyError(`ERR unknown command '${name}'`)
    for (const key of name === 'eval' ? args.slice(2, 2 + Number(args[1])) : args.slice(0, 1)) seen.add(key)
    try {
      return await method.apply(redis, args)
    } catch (error) {
      throw new ReplyError((error as Error).message)
    }
  }

  return {
    send,
    transaction: (commands) => Promise.all(commands.map((command) => toOutcome(send(command)))),
    close() {
      clearInterval(sweep)
      redis.disconnect()
    },
  }
}

/** ioredis-mock makes a Lua machine and compiles the script for every EVAL, 2 ms of it: one of each is enough. */
function keepLua() {
  // Vite, which loads this file for the tests, has no import.meta.resolve.
  const require = createRequire(import.meta.url)
  const { lua, lauxlib, lualib } = createRequire(require.resolve('ioredis-mock'))('fengari')
  const machine = lauxlib.luaL_newstate()
  lualib.luaL_openlibs(machine)
  lauxlib.luaL_newstate = () => machine
  lualib.luaL_openlibs = () => {}
  lua.lua_close = () => lua.lua_settop(machine, 0)

  const compiled = new Map<string, number>()
  lauxlib.luaL_dostring = (state: unknown, script: Uint8Array) => {
    const source = Buffer.from(script).toString('latin1')
    if (!compiled.has(source)) {
      const failure = lauxlib.luaL_loadstring(state, script)
      if (failure) return failure
      compiled.set(source, lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX))
    }
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, compiled.get(source))
    return lua.lua_pcall(state, 0, lua.LUA_MULTRET, 0)
  }
}
