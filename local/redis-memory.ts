import { COMMANDS, fits, type Name } from './commands.ts'
import type { Lua } from './lua.ts'
import { type Command, type Redis, type Reply, ReplyError, Status } from './redis.ts'

interface Entry {
  value: string | Map<string, string>
  /** When it expires, in epoch milliseconds. */
  until: number
}

const [MIN, MAX] = [-(2n ** 63n), 2n ** 63n - 1n]
const NO_INTEGER = 'ERR value is not an integer or out of range'
const SYNTAX = 'ERR syntax error'
const OK = new Status('OK')

/** A Redis in this process. It has one thread: a command, a script or a transaction ends before anything else begins. */
export function memory(lua: Lua): Redis {
  const keys = new Map<string, Entry>()
  let next = keys.entries()

  /** An expired key goes when it is looked at, and a past window's never is: look at a few each time. */
  function sweep() {
    for (let looks = 4; looks > 0; looks--) {
      const { value, done } = next.next()
      if (done) {
        next = keys.entries()
        return
      }
      find(value[0])
    }
  }

  function find(key: string): Entry | undefined {
    const entry = keys.get(key)
    if (!entry || entry.until > Date.now()) return entry
    keys.delete(key)
    return undefined
  }

  function string(key: string): string | undefined {
    const value = find(key)?.value
    if (value instanceof Map) throw wrongType()
    return value
  }

  function hash(key: string): Map<string, string> | undefined {
    const value = find(key)?.value
    if (typeof value === 'string') throw wrongType()
    return value
  }

  function hashToWrite(key: string): Map<string, string> {
    const there = hash(key)
    if (there) return there
    const made = new Map<string, string>()
    keys.set(key, { value: made, until: Number.POSITIVE_INFINITY })
    return made
  }

  function add(key: string, amount: bigint): number {
    const sum = total(string(key), amount, NO_INTEGER)
    keys.set(key, { value: `${sum}`, until: find(key)?.until ?? Number.POSITIVE_INFINITY })
    return Number(sum)
  }

  function expire(name: Name, key: string, time: string, options: string[], base: number, unit: number) {
    const unknown = options.find((option) => !/^([NX]X|[GL]T)$/i.test(option))
    if (unknown !== undefined) throw new ReplyError(`ERR Unsupported option ${unknown}`)
    const given = options.map((option) => option.toUpperCase())
    const [nx, xx, gt, lt] = ['NX', 'XX', 'GT', 'LT'].map((option) => given.includes(option))
    if (nx && (xx || gt || lt)) {
      throw new ReplyError('ERR NX and XX, GT or LT options at the same time are not compatible')
    }
    if (gt && lt) throw new ReplyError('ERR GT and LT options at the same time are not compatible')
    const until = moment(integer(time), base, unit, name)
    const entry = find(key)
    if (!entry) return 0
    const lasts = entry.until !== Number.POSITIVE_INFINITY
    if ((nx && lasts) || (xx && !lasts) || (gt && until <= entry.until) || (lt && until >= entry.until))
      return 0
    if (until <= Date.now()) keys.delete(key)
    else entry.until = until
    return 1
  }

  function left(key: string, unit: number): number {
    const entry = find(key)
    if (!entry) return -2
    return entry.until === Number.POSITIVE_INFINITY ? -1 : Math.round((entry.until - Date.now()) / unit)
  }

  function set(key: string, value: string, options: string[]): Reply | Status {
    const given = new Map<string, string>()
    for (let i = 0; i < options.length; i++) {
      const option = (options[i] as string).toUpperCase()
      const value = SET_OPTIONS[option] ? options[++i] : option
      if (!(option in SET_OPTIONS) || value === undefined) throw new ReplyError(SYNTAX)
      given.set(option, value)
    }
    const times = [...given.keys()].filter((option) => option === 'KEEPTTL' || SET_OPTIONS[option])
    if (times.length > 1 || (given.has('NX') && given.has('XX'))) throw new ReplyError(SYNTAX)
    let until = Number.POSITIVE_INFINITY
    const [time = ''] = times
    if (SET_OPTIONS[time]) {
      const amount = integer(given.get(time) as string)
      if (amount <= 0n) throw new ReplyError("ERR invalid expire time in 'set' command")
      const base = time.endsWith('AT') ? 0 : Date.now()
      until = moment(amount, base, SET_OPTIONS[time], 'set')
    }
    const old = given.has('GET') ? (string(key) ?? null) : undefined
    const entry = find(key)
    if ((given.has('NX') && entry) || (given.has('XX') && !entry)) return old ?? null
    if (time === 'KEEPTTL' && entry) until = entry.until
    keys.set(key, { value, until })
    return old === undefined ? OK : old
  }

  function scan(cursor: string, options: string[]): Reply {
    if (!/^\d+$/.test(cursor)) throw new ReplyError('ERR invalid cursor')
    let pattern = /^/
    for (let i = 0; i < options.length; i += 2) {
      const [option, value] = [options[i]?.toUpperCase(), options[i + 1]]
      if (value === undefined || (option !== 'MATCH' && option !== 'COUNT')) throw new ReplyError(SYNTAX)
      if (option === 'MATCH') pattern = glob(value)
      else if (integer(value) < 1n) throw new ReplyError(SYNTAX)
    }
    return ['0', [...keys.keys()].filter((key) => find(key) && pattern.test(key))]
  }

  const commands: Record<Name, (...args: string[]) => Reply | Status> = {
    decr: (key = '') => add(key, -1n),
    decrby(key = '', amount = '') {
      const by = integer(amount)
      if (by === MIN) throw new ReplyError('ERR decrement would overflow')
      return add(key, -by)
    },
    del: (...names) => names.filter((key) => find(key) && keys.delete(key)).length,
    echo: (text = '') => text,
    exists: (...names) => names.filter((key) => find(key)).length,
    expire: (key = '', time = '', ...options) => expire('expire', key, time, options, Date.now(), 1000),
    get: (key = '') => string(key) ?? null,
    hdel(key = '', ...fields) {
      const fieldsThere = hash(key)
      const gone = fields.filter((field) => fieldsThere?.delete(field)).length
      if (fieldsThere?.size === 0) keys.delete(key)
      return gone
    },
    hget: (key = '', field = '') => hash(key)?.get(field) ?? null,
    hgetall: (key = '') => [...(hash(key) ?? [])].flat(),
    hincrby(key = '', field = '', amount = '') {
      const by = integer(amount)
      const sum = total(hash(key)?.get(field), by, 'ERR hash value is not an integer')
      hashToWrite(key).set(field, `${sum}`)
      return Number(sum)
    },
    hmget(key = '', ...fields) {
      const there = hash(key)
      return fields.map((field) => there?.get(field) ?? null)
    },
    hset(key = '', ...pairs) {
      if (pairs.length % 2 === 1) throw wrongArity('hset')
      const there = hashToWrite(key)
      const { size } = there
      for (let i = 0; i < pairs.length; i += 2) there.set(pairs[i] as string, pairs[i + 1] as string)
      return there.size - size
    },
    incr: (key = '') => add(key, 1n),
    incrby: (key = '', amount = '') => add(key, integer(amount)),
    pexpire: (key = '', time = '', ...options) => expire('pexpire', key, time, options, Date.now(), 1),
    pexpireat: (key = '', time = '', ...options) => expire('pexpireat', key, time, options, 0, 1),
    ping(text, more) {
      if (more !== undefined) throw wrongArity('ping')
      return text ?? new Status('PONG')
    },
    pttl: (key = '') => left(key, 1),
    scan: (cursor = '', ...options) => scan(cursor, options),
    set: (key = '', value = '', ...options) => set(key, value, options),
    time: () => [`${Math.floor(Date.now() / 1000)}`, `${(Date.now() % 1000) * 1000}`],
    ttl: (key = '') => left(key, 1000),
  }

  function call([word = '', ...args]: string[], inScript = false): Reply | Status {
    const name = word.toLowerCase() as Name
    try {
      if (!Object.hasOwn(COMMANDS, name)) throw new ReplyError(`ERR unknown command '${word}'`)
      if (!fits(args.length + 1, COMMANDS[name][0])) throw wrongArity(name, inScript)
      return commands[name](...args)
    } catch (error) {
      if (error instanceof ReplyError) return error
      throw error
    }
  }

  function evaluate(source: string, count: string, rest: string[]): Reply {
    const declared = Number(integer(count))
    if (declared > rest.length) {
      throw new ReplyError("ERR Number of keys can't be greater than number of args")
    }
    if (declared < 0) throw new ReplyError("ERR Number of keys can't be negative")
    return lua.run(source, rest.slice(0, declared), rest.slice(declared), (words) => call(words, true))
  }

  function send([name, ...args]: Command): Reply {
    sweep()
    try {
      const [source = '', count = '', ...rest] = args
      const reply = name === 'eval' ? evaluate(source, count, rest) : call([name, ...args])
      return reply instanceof Status ? reply.ok : reply
    } catch (error) {
      if (error instanceof ReplyError) return error
      throw error
    }
  }

  return {
    send: async (command) => send(command),
    transaction: async (commands) => commands.map(send),
    close: () => {},
  }
}

/** The options of SET; of those that take a time, its unit in milliseconds. */
const SET_OPTIONS: Record<string, number> = {
  NX: 0,
  XX: 0,
  GET: 0,
  KEEPTTL: 0,
  EX: 1000,
  EXAT: 1000,
  PX: 1,
  PXAT: 1,
}

const wrongType = () => new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value')

const wrongArity = (name: string, inScript = false) =>
  new ReplyError(
    inScript
      ? 'ERR Wrong number of args calling Redis command from script'
      : `ERR wrong number of arguments for '${name}' command`,
  )

function integer(text: string, refusal = NO_INTEGER): bigint {
  const value = /^(0|-?[1-9]\d{0,18})$/.test(text) ? BigInt(text) : MAX + 1n
  if (value < MIN || value > MAX) throw new ReplyError(refusal)
  return value
}

function total(text: string | undefined, amount: bigint, refusal: string): bigint {
  const sum = (text === undefined ? 0n : integer(text, refusal)) + amount
  if (sum < MIN || sum > MAX) throw new ReplyError('ERR increment or decrement would overflow')
  return sum
}

function moment(amount: bigint, base: number, unit: number, name: Name): number {
  const until = amount * BigInt(unit) + BigInt(base)
  if (until > MAX || until < MIN) throw new ReplyError(`ERR invalid expire time in '${name}' command`)
  return Number(until)
}

function glob(pattern: string): RegExp {
  if (/[[\]\\^]/.test(pattern)) throw new ReplyError('ERR the local stand-in matches by * and ? alone')
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === '*') return '.*'
    return part === '?' ? '.' : part.replace(/[.+{}()|$]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`, 's')
}
