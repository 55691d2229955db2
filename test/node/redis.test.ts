import { Ratelimit } from '@upstash/ratelimit'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { luaMachine } from '../../local/lua.ts'
import { type Command, type Redis, type Reply, ReplyError, remote } from '../../local/redis.ts'
import { memory } from '../../local/redis-memory.ts'
import { scriptCache } from '../../local/scripts.ts'

/** The Redis of the stand-in beside a real one, where there is one: no HTTP in between, so that thousands of runs are seconds. */

const { LOCAL_REDIS_URL: redisUrl } = process.env
const lua = await luaMachine()
const scripts = scriptCache(lua)
const real = redisUrl ? await remote(redisUrl) : undefined
const own = memory(lua)
const both: [string, Redis][] = real
  ? [
      ['own', own],
      ['real', real],
    ]
  : [['own', own]]

/** What the SDK reads off the clock. Redis, whose keys expire, never sees it. */
let shown: number | undefined
const { now: clock } = Date
Date.now = () => shown ?? clock()
afterAll(() => {
  Date.now = clock
  real?.close()
})

const { fixedWindow, slidingWindow, tokenBucket } = Ratelimit
type Algorithm = ReturnType<ReturnType<typeof fixedWindow>>
type Context = Parameters<Algorithm['limit']>[0]

function contextOf(redis: Redis, prefix: string): Context {
  async function evaluate(source: string | undefined, keys: string[], args: unknown[]) {
    if (source === undefined) throw new Error('NOSCRIPT')
    const before = shown
    shown = undefined
    const reply = redis.send(['eval', source, `${keys.length}`, ...keys, ...args.map(String)])
    shown = before
    const [, result] = (await reply) as [number, Reply]
    if (result instanceof ReplyError) throw result
    return result
  }
  const client = {
    evalsha: (hash: string, keys: string[], args: unknown[]) => evaluate(scripts.get(hash), keys, args),
    eval: (script: string, keys: string[], args: unknown[]) =>
      evaluate(scripts.get(scripts.load(script)), keys, args),
  }
  return { redis: client, prefix, dynamicLimits: true } as unknown as Context
}

interface Verdict {
  success: boolean
  limit: number
  remaining: number
  reset: number
}

/** An algorithm told again: by the clock, the limit of that moment and what is asked. */
type Model = (now: number, limit: number, rate: number) => Verdict

const WINDOW = 60_000
const REFILL = 3

function fixed(): Model {
  const used = new Map<number, number>()
  return (now, limit, rate) => {
    const window = Math.floor(now / WINDOW)
    const sum = (used.get(window) ?? 0) + rate
    used.set(window, sum)
    return { success: sum <= limit, limit, remaining: Math.max(0, limit - sum), reset: (window + 1) * WINDOW }
  }
}

function sliding(): Model {
  const used = new Map<number, number>()
  return (now, limit, rate) => {
    const window = Math.floor(now / WINDOW)
    const share = 1 - (now % WINDOW) / WINDOW
    const before = Math.floor(share * (used.get(window - 1) ?? 0))
    const there = used.get(window) ?? 0
    const reset = (window + 1) * WINDOW
    if (rate > 0 && before + there >= limit) return { success: false, limit, remaining: 0, reset }
    used.set(window, there + rate)
    const left = limit - before - there - rate
    return { success: left >= 0, limit, remaining: Math.max(0, left), reset }
  }
}

function bucket(): Model {
  let kept: { at: number; tokens: number } | undefined
  return (now, limit, rate) => {
    let { at, tokens } = kept ?? { at: now, tokens: limit }
    const refills = Math.floor((now - at) / WINDOW)
    if (refills > 0) tokens = Math.min(limit, tokens + refills * REFILL)
    at += refills * WINDOW
    const reset = at + WINDOW
    if (rate > 0 && tokens < rate) return { success: false, limit, remaining: 0, reset }
    kept = { at, tokens: tokens - rate }
    return { success: tokens - rate >= 0, limit, remaining: Math.max(0, tokens - rate), reset }
  }
}

const ask = fc.record({
  wait: fc.oneof(fc.nat(3000), fc.nat(3 * WINDOW)),
  rate: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, fc.integer({ min: -3, max: 6 }).filter(Boolean)),
  limit: fc.option(fc.integer({ min: 1, max: 9 }), { freq: 12 }),
})

describe.each(both)('on its %s Redis', (_, redis) => {
  test.each([
    ['fixed window', fixedWindow(5, `${WINDOW} ms`), fixed],
    ['sliding window', slidingWindow(5, `${WINDOW} ms`), sliding],
    ['token bucket', tokenBucket(REFILL, `${WINDOW} ms`, 5), bucket],
  ])('the %s of the SDK decides as it says', async (_, algorithm, model) => {
    const { limit: decide } = algorithm()
    const sequence = fc.asyncProperty(fc.array(ask, { maxLength: 25 }), async (asks) => {
      const prefix = crypto.randomUUID()
      const context = contextOf(redis, prefix)
      const expected = model()
      const verdicts: [Verdict, Verdict][] = []
      let [now, limit] = [1_795_785_634_944, 5]
      for (const { wait, rate, limit: dynamic } of asks) {
        now += wait
        shown = undefined
        if (dynamic !== null) await redis.send(['set', `${prefix}:dynamic:global`, `${dynamic}`])
        limit = dynamic ?? limit
        shown = now
        const { pending: __, ...verdict } = await decide(context, `${prefix}:caller`, rate)
        verdicts.push([verdict, expected(now, limit, rate)])
      }
      shown = undefined
      expect(verdicts.map(([theirs]) => theirs)).toEqual(verdicts.map(([, told]) => told))
    })
    await fc.assert(sequence, { numRuns: 700 })
  })

  test('a number that a script hands to a command is written in full, as C does it', async () => {
    const script =
      "local texts = {} for i, word in ipairs(ARGV) do texts[i] = redis.call('ECHO', word + 0) end return texts"
    const numbers = [
      '5',
      '-1.5',
      '0.1',
      '1e3',
      '9007199254740993',
      '123456789012345678',
      '9223372036854775807',
      '1e21',
      '1e400',
    ]
    expect(await redis.send(['eval', script, '0', ...numbers])).toEqual([
      ...['5', '-1.5', '0.10000000000000001', '1000', '9007199254740992', '1.2345678901234568e+17'],
      ...['9.2233720368547758e+18', '1e+21', 'inf'],
    ])
  })
})

const KEYS = ['a', 'b', 'c']
const key = fc.constantFrom(...KEYS)
const word = fc.constantFrom('x', '', '0', '1', '-7', '007', '1.5', ' 1', '9223372036854775807', '\xfc\x00')
const amount = fc.constantFrom(
  '1',
  '-1',
  '5',
  '0',
  '-0',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
  '1e3',
)
const field = fc.constantFrom('f', 'g', 'h')
/** Filled in by its place, so that no two are the same: milliseconds do not pass alike on both. */
const time = fc.constantFrom('MS', 'S', 'AT', '0', '-1', 'x', '9223372036854775807')
const when = fc.array(fc.constantFrom('NX', 'xx', 'GT', 'lt', 'SOON'), { maxLength: 2 })
const how = fc.array(
  fc.oneof(
    fc.constantFrom(['NX'], ['xx'], ['GET'], ['KEEPTTL'], ['PX'], ['WHAT']),
    fc.tuple(fc.constantFrom('px', 'EX', 'PXAT', 'EXAT'), time),
  ),
  { maxLength: 2 },
)

const CALLS = [
  "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  "local n = redis.call('INCRBY', KEYS[1], ARGV[1]) if n > 5 then n = redis.call('DECRBY', KEYS[1], n - 5) end redis.call('PEXPIRE', KEYS[1], 10000000) return n",
  "return {redis.call('GET', KEYS[1]), redis.pcall('HGET', KEYS[1], ARGV[1]), redis.call('EXISTS', KEYS[1])}",
  "local ok, text = pcall(redis.call, 'INCR', KEYS[1]) return {tostring(ok), tostring(text)}",
  "return redis.call('SET', KEYS[1], ARGV[1], 'NX')",
  "return redis.call('HSET', KEYS[1], 'f', ARGV[1], 'g', tonumber(ARGV[1]) or 0)",
  "return redis.call('HSET', KEYS[1], 'f', (tonumber(ARGV[1]) or 1) / 3, 'g', (tonumber(ARGV[1]) or 1) * 1e5)",
  "return tostring(tonumber(ARGV[1])) .. type(redis.call('GET', KEYS[1])) .. #ARGV[1]",
  "return cjson.encode(redis.call('HGETALL', KEYS[1]))",
  'return ARGV[1] + 0',
  "return redis.call('DEL', KEYS[1] .. 'x')",
]

const command = fc.oneof(
  fc.tuple(fc.constantFrom('get', 'incr', 'decr', 'pttl', 'ttl', 'hgetall'), key),
  fc.tuple(fc.constantFrom('incrby', 'decrby'), key, amount),
  fc.tuple(fc.constantFrom('exists', 'del'), key, key),
  fc.tuple(fc.constantFrom('pexpire', 'expire', 'pexpireat'), key, time, when).map((words) => words.flat()),
  fc.tuple(fc.constant('set'), key, word, how).map((words) => words.flat(2)),
  fc.tuple(fc.constant('hset'), key, field, word),
  fc.tuple(fc.constant('hset'), key, field, word, field),
  fc.tuple(fc.constantFrom('hget', 'hmget', 'hdel'), key, field),
  fc.tuple(fc.constantFrom('hmget', 'hdel'), key, field, field),
  fc.tuple(fc.constant('hincrby'), key, field, amount),
  fc.tuple(fc.constantFrom('ping', 'echo'), word),
  fc.tuple(
    fc.constant('eval'),
    fc.constantFrom(...CALLS),
    fc.constantFrom('1', '0', '2', '-1', 'x'),
    key,
    word,
  ),
)

function filledIn([name = '', ...words]: string[], place: number, prefix: string): Command {
  const ms = 10_000_000 + place * 100_000
  const unit = { S: ms / 1000, AT: Date.now() + ms, MS: ms }
  const args = words.map(
    (word) => `${unit[word as keyof typeof unit] ?? (KEYS.includes(word) ? prefix + word : word)}`,
  )
  const absolute = args.map((arg, i) =>
    /^exat$/i.test(args[i - 1] ?? '') && arg.length === 13 ? arg.slice(0, -3) : arg,
  )
  if (name !== 'eval') return [name, ...absolute]
  const [script = '', ...rest] = args
  return [name, scripts.get(scripts.load(script)) as string, ...rest]
}

/** A time to live in steps of the places it can have come from. */
const comparable = ([name]: Command, reply: Reply) =>
  typeof reply === 'number' && reply > 0 && name.endsWith('ttl')
    ? Math.round(reply / (name === 'ttl' ? 100 : 100_000))
    : reply instanceof ReplyError
      ? reply.message
      : reply

test.skipIf(!real)('on its own Redis any commands are answered as on a real one', async () => {
  const sequence = fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 20 }), async (words) => {
    const prefix = `${crypto.randomUUID()}:`
    const commands = words.map((command, place) => filledIn(command, place, prefix))
    const [mine, theirs] = await Promise.all(
      both.map(async ([, redis]) => {
        const replies = await redis.transaction(commands)
        await redis.send(['del', ...KEYS.map((name) => prefix + name)])
        return replies.map((reply, i) => [commands[i], comparable(commands[i] as Command, reply)])
      }),
    )
    expect(mine).toEqual(theirs)
  })
  await fc.assert(sequence, { numRuns: 3000 })
})
