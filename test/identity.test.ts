import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { app } from '../src/app.ts'
import { envWith } from './faults.ts'
import { record } from './recorder.ts'
import { aToken, client, randomAddress } from './support.ts'
import { skipToHalfPast } from './watch.ts'

/** Who a caller without a session is. Two addresses are one caller when they share a count, of a minute that does not end. */

beforeEach(() => {
  skipToHalfPast()
})

afterEach(() => {
  vi.useRealTimers()
})

const PLENTY = '999999'
const env = { RATE_LIMIT_READS: PLENTY, RATE_LIMIT_WRITES: PLENTY, READS: undefined, WRITES: undefined }

/** How many reads are left to an address after this one, of an isolate's own count that starts with the test. */
function anIsolate() {
  const bindings = envWith(env)
  return async (address?: string): Promise<number> => {
    const headers = new Headers(address === undefined ? [] : [['CF-Connecting-IP', address]])
    const response = await app.fetch(new Request('https://api.test/tasks', { headers }), bindings)
    expect(response.status).toBe(401)
    return Number(response.headers.get('X-RateLimit-Remaining'))
  }
}

async function areOneCaller(first: string, second: string): Promise<boolean> {
  const left = anIsolate()
  const before = await left(first)
  return (await left(second)) === before - 1
}

const group = fc.integer({ min: 0, max: 0xffff })
const groups = (length: number) => fc.array(group, { minLength: length, maxLength: length })
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 })
const full = (parts: number[]) => parts.map((part) => part.toString(16).padStart(4, '0')).join(':')
const short = (parts: number[]) => parts.map((part) => part.toString(16)).join(':')

/** RFC 4291 §2.2: one run of zero groups may be written as two colons. */
const compressed = (parts: number[]) => {
  const runs = short(parts).match(/(^|:)0(:0)+(?=:|$)/g) ?? []
  const [longest] = runs.sort((a, b) => b.length - a.length)
  return longest
    ? short(parts)
        .replace(longest, ':')
        .replace(/^:(?!:)/, '::')
        .replace(/(?<!:):$/, '::')
    : short(parts)
}

const RUNS = { numRuns: 200 }

test('any two addresses of one IPv6 /64 are one caller', async () => {
  await fc.assert(
    fc.asyncProperty(groups(4), groups(4), groups(4), async (network, one, other) => {
      fc.pre(network.some((part) => part !== 0))
      expect(await areOneCaller(short([...network, ...one]), short([...network, ...other]))).toBe(true)
    }),
    RUNS,
  )
})

test('addresses of two IPv6 networks are two callers', async () => {
  await fc.assert(
    fc.asyncProperty(
      groups(4),
      fc.nat({ max: 3 }),
      fc.integer({ min: 1, max: 0xffff }),
      groups(4),
      async (network, at, change, host) => {
        const other = network.map((part, i) => (i === at ? part ^ change : part))
        expect(await areOneCaller(short([...network, ...host]), short([...other, ...host]))).toBe(false)
      },
    ),
    RUNS,
  )
})

test('an IPv6 address is the same in upper case, in full, and with its zeros left out', async () => {
  const zeros = fc.oneof(group, fc.constant(0))
  const address = fc.array(zeros, { minLength: 8, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(address, async (parts) => {
      expect(await areOneCaller(full(parts), compressed(parts))).toBe(true)
      expect(await areOneCaller(short(parts).toUpperCase(), compressed(parts))).toBe(true)
    }),
    RUNS,
  )
})

test('two colons stand for one group of zeros too, and groups keep their bounds', async () => {
  expect(await areOneCaller('1:2:3:0:5:6:7:8', '1:2:3::5:6:7:8')).toBe(true)
  expect(await areOneCaller('1:11:1:1::', '11:1:1:1::')).toBe(false)
})

test('an IPv4-mapped address is the IPv4 address it carries', async () => {
  await fc.assert(
    fc.asyncProperty(octets, async (parts) => {
      const [a, b, c, d] = parts as [number, number, number, number]
      const mapped = `::ffff:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
      for (const form of [
        mapped,
        mapped.toUpperCase(),
        `::ffff:${parts.join('.')}`,
        `0:0:0:0:0:FFFF:${parts.join('.')}`,
      ]) {
        expect(await areOneCaller(parts.join('.'), form), form).toBe(true)
      }
    }),
    RUNS,
  )
})

test('an IPv4-mapped address begins with eighty bits of zero (RFC 4291 §2.5.5.2)', async () => {
  for (const at of [0, 1, 2, 3, 4]) {
    const parts = [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]
    parts[at] = 1
    const [one, other] = [short(parts), short([...parts.slice(0, 4), 1, 2, 3, 4])] as const
    expect(await areOneCaller('192.0.2.1', one), one).toBe(false)
    expect(await areOneCaller(one, other), one).toBe(true)
  }
  expect(await areOneCaller('192.0.2.1', '::fffe:c000:201')).toBe(false)
})

test('two IPv4 addresses are two callers', async () => {
  await fc.assert(
    fc.asyncProperty(octets, octets, async (one, other) => {
      fc.pre(one.join() !== other.join())
      expect(await areOneCaller(one.join('.'), other.join('.'))).toBe(false)
    }),
    RUNS,
  )
})

test('what is no address is the one unknown caller, and so is none at all', async () => {
  const left = anIsolate()
  const known = [
    '',
    ' ',
    'unknown',
    'localhost',
    '.',
    '192.0.2.1.',
    '3221225985',
    '192.0.2',
    '192.0.2.1.1',
    '192.0.2.256',
    '192.0.2.01',
    '192.0.2.1:80',
    '0xc0000201',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '1:2:3:4:5:6:7:8::9',
    '1::2::3',
    ':::',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '[::1]',
    '::1/64',
    '::ffff:1.2.3',
    '192.0.2.1, 192.0.2.2',
  ]
  let expected = await left('canary')
  for (const garbage of known) expect(await left(garbage), garbage).toBe(--expected)
  const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdefghxyz.:/%[], ') })
  await fc.assert(
    fc.asyncProperty(text, async (garbage) => {
      fc.pre(!/^[\d.]+$|:.*:/.test(garbage.trim()))
      expect(await left(garbage)).toBe(--expected)
    }),
    RUNS,
  )
  expect(await left(), 'no header at all').toBe(--expected)
})

test('X-Forwarded-For and its like say nothing', async () => {
  const address = randomAddress()
  const read = async (headers?: Record<string, string>) => {
    const response = await client(undefined, address)('GET', '/tasks', undefined, headers)
    return Number(response.headers.get('X-RateLimit-Remaining'))
  }
  const first = await read()
  const forged = ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'True-Client-IP', 'CF-Connecting-IPv6']
  for (const [i, name] of forged.entries()) {
    expect(await read({ [name]: randomAddress() }), name).toBe(first - 1 - i)
  }
})

test('Redis is never told a plain address', async () => {
  const addresses = ['2001:db8:cafe:f00d::1', '198.51.100.77', '::ffff:198.51.100.78']
  const { commands } = await record(async () => {
    for (const address of addresses) {
      expect((await client(aToken(), address)('GET', '/tasks')).status).toBe(401)
    }
  })
  expect(commands).not.toEqual([])
  for (const command of commands) {
    const [, , count, ...words] = JSON.parse(command) as string[]
    const [keys, values] = [words.slice(0, Number(count)), words.slice(Number(count))]
    for (const key of keys) expect(key).toMatch(/^tasks:read:ip:[0-9a-f]{32}:\d+$/)
    expect(values.every((value) => Number.isInteger(value))).toBe(true)
  }
})
