import { env } from 'cloudflare:workers'
import { afterAll, afterEach, expect } from 'vitest'

/** The stand-ins, and nothing else: a request to anywhere outside fails its test, even where the Worker copes. */
const outside: string[] = []
/** Who did not answer, where no test is in the way: nothing but a machine that is busy with other things. */
const late: string[] = []
const { fetch } = globalThis

globalThis.fetch = async (input, init) => {
  const url = input instanceof Request ? input.url : String(input)
  const { hostname, origin } = new URL(url)
  if (hostname !== '127.0.0.1') outside.push(origin)
  try {
    return await fetch(input, init)
  } catch (error) {
    if (url.startsWith(env.UPSTASH_REDIS_REST_URL)) late.push('Redis')
    if (url.startsWith(env.NEON_FETCH_ENDPOINT)) late.push('The database')
    throw error
  }
}

afterEach(({ task }) => {
  expect(outside.splice(0), 'requests to the outside').toEqual([])
  const missed = new Set(late.splice(0))
  if (task.result?.state !== 'fail') return
  for (const name of missed) {
    throw new Error(`${name} did not answer in time while this test ran: what it counts may differ for that.`)
  }
})

// The next file of this isolate begins with another.
afterAll(() => {
  globalThis.fetch = fetch
})
