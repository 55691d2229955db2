import { Ratelimit, type RatelimitConfig } from '@upstash/ratelimit'
import type { Settings } from '../env.ts'
import { redisOf } from '../redis.ts'
import type { Ask, Budget } from './budget.ts'
import { SCRIPT, SCRIPT_SHA } from './script.ts'
import { WINDOW_MS, windowEnd } from './window.ts'

/**
 * How long a request may wait for Redis: with the 8.5 s of its statements it is answered within 10 s. A second, counted
 * in turns of the event loop: in a burst, an answer that is here but not yet read is not late.
 */
function startDeadline() {
  const late = new AbortController()
  let ticks = 0
  let timer = setTimeout(function tick() {
    ticks += 1
    if (ticks < 20) timer = setTimeout(tick, 50)
    else late.abort(new DOMException('no answer', 'TimeoutError'))
  }, 50)
  return { signal: late.signal, clear: () => clearTimeout(timer) }
}

type Algorithm = ReturnType<RatelimitConfig['limiter']>
type Answer = Awaited<ReturnType<Algorithm['limit']>>

/** Units of a window that Redis granted, and how many remain of it for all instances. */
export type Grant = Answer & { granted: number }

/**
 * For @upstash/ratelimit: a counter a window, which grants what is left of the units asked for. Of an algorithm's three
 * methods the one that is called.
 */
const fixedWindow = (limit: number): Pick<Algorithm, 'limit'> => ({
  async limit({ redis }, key, units = 1): Promise<Grant> {
    const values = [limit, units, WINDOW_MS]
    const answer = await redis.evalsha(SCRIPT_SHA, [key], values).catch((error: unknown) => {
      if (String(error).includes('NOSCRIPT')) return redis.eval(SCRIPT, [key], values)
      throw error
    })
    const [granted, used] = Array.isArray(answer) ? answer : []
    const areCounts = Number.isInteger(granted) && Number.isInteger(used)
    if (!areCounts || granted > Math.min(units, used) || granted < Math.min(0, units)) {
      throw new TypeError('Redis answered with something other than counts')
    }
    const [remaining, reset] = [Math.max(0, limit - used), windowEnd(Date.now())]
    return { success: granted === units, limit, remaining, reset, pending: Promise.resolve(), granted }
  },
})

const limiterOf = (settings: Settings, { policy, limit }: Budget, signal: AbortSignal) =>
  new Ratelimit({
    redis: redisOf(settings, signal),
    limiter: () => fixedWindow(limit) as Algorithm,
    prefix: `tasks:${policy}`,
    // The SDK's own timeout admits, and its cache is one more memory of what a budget knows already.
    timeout: 0,
    ephemeralCache: false,
    enableTelemetry: false,
  })

/** Asks for the units. Throws on anything but a whole answer in time. */
export async function askRedis(settings: Settings, budget: Budget, ask: Ask): Promise<Grant> {
  const { signal, clear } = startDeadline()
  try {
    const name = `${budget.key}:${ask.end / WINDOW_MS}`
    const units = { rate: ask.waiting + ask.extra }
    return (await limiterOf(settings, budget, signal).limit(name, units)) as Grant
  } finally {
    clear()
  }
}
