import { env } from 'cloudflare:workers'

export interface Trips {
  database: number
  redis: number
  /** Calls one after the other: the longest chain of them in which none overlaps another. */
  depth: number
  /** What was sent to Redis. */
  commands: string[]
}

const isTo = (url: string, ...upstreams: string[]) =>
  upstreams.some((upstream) => new URL(url).port === new URL(upstream).port)

/** What leaves the isolate while `work` runs, which is sent all the same. */
export async function record(work: () => Promise<unknown>): Promise<Trips> {
  const trips: Trips = { database: 0, redis: 0, depth: 0, commands: [] }
  const { fetch } = globalThis
  const underWay = new Set<Promise<Response>>()
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    // One longer than any chain that has ended by now.
    const depth = trips.depth + 1
    if (isTo(url, env.NEON_FETCH_ENDPOINT, env.FAULTY_NEON)) trips.database += 1
    if (isTo(url, env.UPSTASH_REDIS_REST_URL, env.FAULTY_UPSTASH, 'http://127.0.0.1:1')) {
      trips.redis += 1
      trips.commands.push(String(init?.body))
    }
    const call = fetch(input, init)
    underWay.add(call)
    try {
      return await call
    } finally {
      underWay.delete(call)
      trips.depth = Math.max(trips.depth, depth)
    }
  }
  try {
    await work()
    // What runs beside a request may outlive its answer.
    await Promise.allSettled(underWay)
    return trips
  } finally {
    globalThis.fetch = fetch
  }
}
