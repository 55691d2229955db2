import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis'
import { afterAll, expect, test } from 'vitest'
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

test('an answer says what was billed for it', async () => {
  const headers = { Authorization: `Bearer ${token}` }
  const ask = async (path: string, body: unknown) => {
    const response = await fetch(upstash.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return response.headers.get('Billed-Commands')
  }
  const script = "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[1])"
  expect(await ask('/', ['PING'])).toBe('1')
  expect(await ask('/pipeline', [['PING'], ['EVAL', script, 1, crypto.randomUUID()]])).toBe('4')
})
