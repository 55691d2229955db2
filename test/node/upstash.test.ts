import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis'
import { afterAll, describe, expect, test } from 'vitest'
import { sha1 } from '../../local/redis.ts'
import { startUpstash } from '../../local/upstash.ts'

/** What stands in for Upstash, in front of its own Redis or, where there is one, of a real one. */

const { LOCAL_REDIS_URL: redisUrl } = process.env
const token = crypto.randomUUID()
const upstash = await startUpstash(redisUrl ? { token, redisUrl } : { token })
const redis = new Redis({ url: upstash.url, token, enableTelemetry: false })
const { fixedWindow, slidingWindow } = Ratelimit

afterAll(() => upstash.close())

async function billed(work: () => Promise<unknown>): Promise<number> {
  const before = upstash.billed()
  await work()
  return upstash.billed() - before
}

test.each([
  ['sliding', slidingWindow(2, '1 d'), [5, 4, 3]],
  ['fixed', fixedWindow(2, '1 d'), [3, 2, 2]],
])('a %s window is billed as Upstash says: first, later, refused', async (_, limiter, costs) => {
  const ratelimit = new Ratelimit({ redis, limiter, ephemeralCache: false, prefix: crypto.randomUUID() })
  await ratelimit.limit('warm')
  const asked: number[] = []
  for (const _ of costs) asked.push(await billed(() => ratelimit.limit('caller')))
  expect(asked).toEqual(costs)
})

/** One command as a client sends it: its status, and its result or its error. */
async function ask(
  body: unknown,
  path = '/',
  headers: Record<string, string> = { Authorization: `Bearer ${token}` },
) {
  const response = await fetch(upstash.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return {
    status: response.status,
    billed: response.headers.get('Billed-Commands'),
    ...((await response.json()) as object),
  }
}

/** What a script returns, or the error it ends in. */
async function evaluate(script: string, keys: string[] = [], args: string[] = []) {
  const answer = (await ask(['EVAL', script, keys.length, ...keys, ...args])) as {
    result?: unknown
    error?: string
  }
  return answer.error ?? answer.result
}

const aKey = () => crypto.randomUUID()
const LOCKED = '#!lua flags=allow-key-locking\n'

test('an answer says what was billed for it', async () => {
  const script = "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[1])"
  const ping = await ask(['PING'])
  expect(ping.billed).toBe('1')
  const headers = { Authorization: `Bearer ${token}` }
  const body = JSON.stringify([['PING'], ['EVAL', script, 1, aKey()]])
  const pipeline = await fetch(`${upstash.url}/pipeline`, { method: 'POST', headers, body })
  expect(pipeline.headers.get('Billed-Commands')).toBe('4')
  const transaction = await fetch(`${upstash.url}/multi-exec`, { method: 'POST', headers, body })
  expect(transaction.headers.get('Billed-Commands')).toBe('6')
})

describe('a script with allow-key-locking', () => {
  const refusal = (key: string) =>
    `ERR Dynamic keys are not allowed in Lua scripts when 'allow-key-locking' flag is set. Key was: ${key}`

  test('may touch the keys it was given', async () => {
    const key = aKey()
    expect(await evaluate(`${LOCKED}return redis.call('INCRBY', KEYS[1], ARGV[1])`, [key], ['3'])).toBe(3)
    expect(await evaluate(`${LOCKED}return redis.call('GET', '${key}')`, [key])).toBe('3')
  })

  test('may touch no other', async () => {
    const [key, other] = [aKey(), aKey()]
    expect(await evaluate(`${LOCKED}return redis.call('SET', ARGV[1], 1)`, [key], [other])).toBe(
      refusal(other),
    )
    expect(await evaluate(`${LOCKED}return redis.call('DEL', KEYS[1], ARGV[1])`, [key], [other])).toBe(
      refusal(other),
    )
    expect(await evaluate(`${LOCKED}return redis.pcall('GET', KEYS[1] .. 'x').err`, [key])).toBe(
      refusal(`${key}x`),
    )
    expect(await evaluate("return redis.call('EXISTS', ARGV[1])", [], [other])).toBe(0)
  })

  test('may call what has no key', async () => {
    expect(await evaluate(`${LOCKED}return redis.call('PING')`)).toBe('PONG')
  })

  test.each([
    ['flags=allow-key-lock', 'ERR Unexpected flag in script shebang: allow-key-lock'],
    ['flags=allow-key-locking,no-such', 'ERR Unexpected flag in script shebang: no-such'],
    ['locking=yes', 'ERR Unknown lua shebang option: locking=yes'],
  ])('is the only kind with flags: %s is refused', async (options, error) => {
    expect(await evaluate(`#!lua ${options}\nreturn 1`)).toBe(error)
  })

  test('counts its lines as they are', async () => {
    expect(await evaluate(`${LOCKED}\nerror('here')`)).toBe('ERR user_script:3: here')
  })
})

describe('a script', () => {
  test.each([
    ['100000 * 100000', '10000000000'],
    ['10 / 2', '5'],
    ['7 / 2', '3.5'],
    ['2 ^ 53', '9.007199254741e+15'],
    ['0.1', '0.1'],
    ["'a' .. tonumber('1795785634944')", 'a1795785634944'],
    ["'10' + 5", '15'],
    ["('1795785634944' % 60000) / '60000'", '0.5824'],
    ['math.floor(-0.5)', '-1'],
    ['1e15', '1e+15'],
    ['#{1, 2, 3}', '3'],
    ['select(2, unpack({4, 5, 6}))', '5'],
    ["cjson.encode({1, 'two', {three = 3.5}, true, cjson.null})", '[1,"two",{"three":3.5},true,null]'],
    ['cjson.decode(\'{"a":[1,{"b":"\\\\u00fc"}]}\').a[2].b', 'ü'],
    ["cjson.decode('[null]')[1] == cjson.null", 'true'],
    ["redis.sha1hex('canary')", sha1('canary')],
    ["loadstring('return 4')()", '4'],
  ])('computes %s as Lua 5.1 does', async (expression, result) => {
    expect(await evaluate(`return tostring(${expression})`)).toBe(result)
  })

  test.each([
    ['3.99', 3],
    ['-3.99', -3],
    ['true', 1],
    ['false', null],
    ['nil', null],
    ['{1, 2, nil, 4}', [1, 2]],
    ["{1, {'two', false}}", [1, ['two', null]]],
    ["redis.status_reply('FINE')", 'FINE'],
    ["redis.error_reply('WRONG way')", 'WRONG way'],
    ["redis.error_reply('wrong')", 'ERR wrong'],
    ["redis.call('SET', KEYS[1], 1).ok", 'OK'],
    ["redis.call('GET', KEYS[1]) == false", 1],
    ["redis.pcall('HGET', KEYS[1]).err", 'ERR Wrong number of args calling Redis command from script'],
    [
      "redis.call('SET', KEYS[1], 'x') and redis.call('INCR', KEYS[1])",
      'ERR value is not an integer or out of range',
    ],
    ["select(2, pcall(redis.call, 'INCR'))", 'ERR Wrong number of args calling Redis command from script'],
    ["redis.call('GET', {})", 'ERR Lua redis lib command arguments must be strings or integers'],
  ])('that returns %s answers %j', async (expression, result) => {
    expect(await evaluate(`return ${expression}`, [aKey()])).toEqual(result)
  })

  test.each(['os', 'io', 'require', 'debug', 'package', 'dofile', 'print', 'setfenv', 'nothing'])(
    'reaches no %s',
    async (name) => {
      const error = `ERR user_script:1: Script attempted to access nonexistent global variable '${name}'`
      expect(await evaluate(`return ${name}`)).toBe(error)
    },
  )

  test.each([
    'kept = 1',
    'KEYS = {}',
    'string.kept = 1',
    'redis = nil',
    "rawset(_G, 'kept', 1)",
    "rawset(string, 'kept', 1)",
    "loadstring('kept = 1')()",
    'setmetatable(_G, {})',
    "getmetatable('').__index = {}",
  ])('leaves nothing behind: %s', async (statement) => {
    expect(await evaluate(`${statement} return 'done'`)).toMatch(/^ERR .*(readonly|protected|boolean)|done/)
    expect(await evaluate("return rawget(_G, 'kept')")).toBe(null)
    expect(
      await evaluate("return ('x'):rep(#KEYS + 1) .. tostring(string.kept) .. type(redis.call)", ['k']),
    ).toBe('xxnilfunction')
  })

  test('that is no Lua is refused, and not kept', async () => {
    const script = 'return 1 end) (function()'
    expect(await evaluate(script)).toMatch(/^ERR Error compiling script \(new function\): user_script:1: /)
    expect(await ask(['EVALSHA', sha1(script), 0])).toMatchObject({
      status: 400,
      error: expect.stringContaining('NOSCRIPT'),
    })
  })

  test('that gives a command a fraction is refused, since Redis and Upstash differ on it', async () => {
    const key = aKey()
    expect(await evaluate("return redis.call('PEXPIRE', KEYS[1], 1.5)", [key])).toMatch(
      /^ERR 1.5 is no integer/,
    )
    expect(await evaluate("return redis.call('SET', KEYS[1], '1.5')", [key])).toBe('OK')
  })

  test('is called by its hash once it was loaded or sent, and not after a flush', async () => {
    const [script, sent] = [`return '${aKey()}'`, `return '${aKey()}'`]
    const both = ['SCRIPT', 'EXISTS', sha1(script), sha1(sent)]
    expect(await ask(['EVALSHA', sha1(script), 0])).toMatchObject({
      status: 400,
      error: 'NOSCRIPT No matching script. Please use EVAL.',
    })
    expect(await ask(['SCRIPT', 'LOAD', script])).toMatchObject({ status: 200, result: sha1(script) })
    await evaluate(sent)
    expect(await ask(both)).toMatchObject({ result: [1, 1] })
    expect(await ask(['EVALSHA', sha1(script), 0])).toMatchObject({ result: script.slice(8, -1) })
    expect(await ask(['SCRIPT', 'FLUSH'])).toMatchObject({ result: 'OK' })
    expect(await ask(both)).toMatchObject({ result: [0, 0] })
    expect(await ask(['EVALSHA', sha1(sent), 0])).toMatchObject({ status: 400 })
  })
})

describe('one client breaks nothing for another:', () => {
  test.each(
    'AUTH CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE QUIT RESET SELECT SUBSCRIBE UNSUBSCRIBE UNWATCH WATCH'.split(
      ' ',
    ),
  )('%s is refused', async (name) => {
    const error = `ERR Command "${name}" is not allowed in REST or it has a special context path`
    expect(await ask([name, 'x'])).toMatchObject({ status: 400, error })
    expect(await ask(['PING'])).toMatchObject({ status: 200, result: 'PONG' })
  })

  test.each([
    ['FLUSHALL'],
    ['SHUTDOWN'],
    ['CONFIG', 'SET', 'maxmemory', '1'],
    ['DEBUG', 'SLEEP', '9'],
    ['BLPOP', 'x', '0'],
    [''],
  ])('%s is not available', async (...words) => {
    const error = expect.stringContaining(`ERR Command is not available: '${words[0]}'`)
    expect(await ask(words)).toMatchObject({ status: 400, error })
    expect(await evaluate('return redis.call(unpack(ARGV))', [], words)).toEqual(error)
  })
})

describe('an option', () => {
  const ttl = async (key: string) =>
    Math.max(0, Math.ceil((((await ask(['PTTL', key])) as { result?: number }).result ?? 0) / 1e6))
  const value = async (key: string) => ((await ask(['GET', key])) as { result?: unknown }).result

  test.each([
    ['NX', 1, 0],
    ['XX', 0, 1],
    ['gt', 0, 1],
    ['LT', 1, 0],
  ])('of PEXPIRE, %s, is kept to', async (option, ofLasting, ofShorter) => {
    const key = aKey()
    await ask(['SET', key, 1])
    expect(await ask(['PEXPIRE', key, 4e6, option])).toMatchObject({ result: ofLasting })
    expect(await ttl(key)).toBe(4 * ofLasting)
    await ask(['PEXPIRE', key, 4e6])
    expect(await ask(['PEXPIRE', key, 8e6, option])).toMatchObject({ result: ofShorter })
    expect(await ttl(key)).toBe(4 + 4 * ofShorter)
  })

  test('of SET is kept to', async () => {
    const key = aKey()
    expect(await ask(['SET', key, 'a', 'px', 4e6, 'nx'])).toMatchObject({ result: 'OK' })
    expect(await ask(['SET', key, 'b', 'NX', 'GET'])).toMatchObject({ result: 'a' })
    expect(await ask(['SET', key, 'b', 'KEEPTTL', 'GET'])).toMatchObject({ result: 'a' })
    expect([await value(key), await ttl(key)]).toEqual(['b', 4])
    expect(await ask(['SET', key, 'c', 'EX', 3000])).toMatchObject({ result: 'OK' })
    expect(await ttl(key)).toBe(3)
    expect(await ask(['SET', key, 'd', 'XX', 'PXAT', 1])).toMatchObject({ result: 'OK' })
    expect(await value(key)).toBe(null)
  })

  test.each([
    [['SET', 'k', 'v', 'IFEQ', 'w'], 'ERR syntax error'],
    [['SET', 'k', 'v', 'NX', 'XX'], 'ERR syntax error'],
    [['SET', 'k', 'v', 'EX', 5, 'KEEPTTL'], 'ERR syntax error'],
    [['SET', 'k', 'v', 'EX'], 'ERR syntax error'],
    [['SET', 'k', 'v', 'PX', 0], "ERR invalid expire time in 'set' command"],
    [['PEXPIRE', 'k', 5, 'SOON'], 'ERR Unsupported option SOON'],
    [['PEXPIRE', 'k', 5, 'NX', 'GT'], 'ERR NX and XX, GT or LT options at the same time are not compatible'],
    [['PEXPIRE', 'k', 5, 'GT', 'LT'], 'ERR GT and LT options at the same time are not compatible'],
    [['SCAN', 0, 'TYPED', 'string'], 'ERR syntax error'],
  ])('that nobody knows is refused: %j', async (command, error) => {
    expect(await ask(command)).toMatchObject({ status: 400, error })
  })
})

describe('a transaction', () => {
  test('runs whole, each command with its own result or error', async () => {
    const key = aKey()
    const body = [
      ['SET', key, 'x'],
      ['INCR', key],
      ['EVALSHA', sha1(key), 0],
      ['GET', key],
    ]
    expect(Object.values(await ask(body, '/multi-exec')).slice(0, 4)).toEqual([
      { result: 'OK' },
      { error: 'ERR value is not an integer or out of range' },
      { error: 'NOSCRIPT No matching script. Please use EVAL.' },
      { result: 'x' },
    ])
  })

  test.each([[['NO-SUCH', 'x']], [['SUBSCRIBE', 'x']], [['GET']], [[]]])(
    'with %j in it does nothing',
    async (bad) => {
      const key = aKey()
      const answer = await ask([['SET', key, 1], bad], '/multi-exec')
      expect(answer).toMatchObject({ status: 400, error: expect.stringMatching(/^ERR /) })
      expect(await ask(['EXISTS', key])).toMatchObject({ result: 0 })
    },
  )
})

describe('over HTTP', () => {
  test('the token comes in the header or the query', async () => {
    expect(await ask(['PING'], '/', {})).toMatchObject({
      status: 401,
      error: 'WRONGPASS invalid or missing auth token',
    })
    expect(await ask(['PING'], '/?_token=other')).toMatchObject({ status: 401 })
    expect(await ask(['PING'], `/?_token=${token}`, {})).toMatchObject({ status: 200, result: 'PONG' })
  })

  test.each([
    ['GET', 200],
    ['HEAD', 200],
    ['PUT', 200],
    ['DELETE', 405],
    ['PATCH', 405],
    ['OPTIONS', 405],
  ])('%s is answered %i', async (method, status) => {
    const response = await fetch(`${upstash.url}/ping?_token=${token}`, { method })
    expect(response.status).toBe(status)
  })

  test('a request over 10 MB is refused', async () => {
    const [most, more] = [10 * 1024 * 1024 - 100, 10 * 1024 * 1024].map((size) => 'x'.repeat(size))
    expect(await ask(['ECHO', most])).toMatchObject({ status: 200 })
    expect(await ask(['ECHO', more])).toMatchObject({ status: 400, error: 'ERR max request size exceeded' })
  })

  test('a command stands in the path, its value in the body and what follows in the query', async () => {
    const key = aKey()
    const url = `${upstash.url}/set/${key}?EX=100&nx&_token=${token}`
    const response = await fetch(url, { method: 'POST', body: 'a/b ü' })
    expect(await response.json()).toEqual({ result: 'OK' })
    const headers = { Authorization: `Bearer ${token}`, 'Upstash-Encoding': 'base64' }
    const read = await fetch(`${upstash.url}/get/${key}`, { headers })
    expect(await read.json()).toEqual({ result: Buffer.from('a/b ü').toString('base64') })
    expect(await ask(['TTL', key])).toMatchObject({ result: 100 })
  })
})
