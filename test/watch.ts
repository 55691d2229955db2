import { env } from 'cloudflare:workers'
import { vi } from 'vitest'

interface Trips {
  database: number
  redis: number
}

/** How many requests leave the isolate, and to where, while `work` runs. They are sent all the same. */
export async function trips(work: () => Promise<unknown>): Promise<Trips> {
  const fetch = vi.spyOn(globalThis, 'fetch')
  try {
    await work()
    const urls = fetch.mock.calls.map(([input]) => (input instanceof Request ? input.url : String(input)))
    const to = (url: string) => urls.filter((each) => each.startsWith(url)).length
    return { database: to(env.NEON_FETCH_ENDPOINT), redis: to(env.UPSTASH_REDIS_REST_URL) }
  } finally {
    fetch.mockRestore()
  }
}

/** What is written to the console, by any of its methods, while `work` runs. */
export async function logged(work: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = []
  const keep = (...words: unknown[]) => void lines.push(words.map(String).join(' '))
  const methods = ['debug', 'log', 'info', 'warn', 'error', 'trace', 'dir'] as const
  const spies = methods.map((method) => vi.spyOn(console, method).mockImplementation(keep))
  try {
    await work()
    return lines
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** The Worker's clock, still at this epoch time in ms until `vi.useRealTimers()`. The database keeps its own. */
const stopClock = (now: number) => vi.useFakeTimers({ toFake: ['Date'], now })

/** So many milliseconds ahead. */
export const skip = (ms: number) => stopClock(Date.now() + ms)

/** So many milliseconds after the beginning of this minute: exactly, for the clock is read once. */
export const skipTo = (ms: number) => stopClock(Math.floor(Date.now() / 60_000) * 60_000 + ms)

/** The middle of the next minute, where the end of it and a minute from now are not the same. */
export const skipToHalfPast = () => skipTo(90_000)
