import type { Context } from 'hono'
import type { AppEnv } from '../context.ts'
import { Problem } from '../problem.ts'
import type { Decision } from './budget.ts'
import { WINDOW_MS } from './window.ts'

/** At the very end of a window nobody is admitted yet: the whole second after it is the first that is safe. */
export const retryAfter = (reset: number, now: number) => Math.max(0, Math.floor((reset - now) / 1000)) + 1

/** What the decision says, in three dialects, then the 429 when it is a refusal. */
export function settle(c: Context<AppEnv>, decision: Decision): void {
  const { admitted, policy, limit, by, remaining, reset } = decision
  const now = Date.now()
  const seconds = admitted ? Math.max(0, Math.ceil((reset - now) / 1000)) : retryAfter(reset, now)
  c.get('note').limiter = by
  setHeader(c, 'RateLimit-Policy', `"${policy}";q=${limit};w=${WINDOW_MS / 1000}`)
  setHeader(c, 'X-RateLimit-Limit', `${limit}`)
  if (remaining !== undefined) {
    // draft-ietf-httpapi-ratelimit-headers §4: t in seconds from now. X-RateLimit-Reset is in epoch seconds.
    setHeader(c, 'RateLimit', `"${policy}";r=${remaining};t=${seconds}`)
    setHeader(c, 'X-RateLimit-Remaining', `${remaining}`)
    setHeader(c, 'X-RateLimit-Reset', `${Math.ceil(reset / 1000)}`)
  }
  if (!admitted) throw rateLimited(limit, seconds, reset)
}

/** `c.header` makes a new Response for every header that comes after the handler's. */
function setHeader(c: Context<AppEnv>, name: string, value: string): void {
  if (c.finalized) c.res.headers.set(name, value)
  else c.header(name, value)
}

function rateLimited(limit: number, seconds: number, reset: number): Problem {
  return new Problem('rate_limit_exceeded', {
    detail: `Too many requests. Retry after ${seconds} seconds.`,
    headers: { 'Retry-After': `${seconds}` },
    members: {
      retry_after: seconds,
      rate_limit_info: {
        limit,
        remaining: 0,
        reset: Math.ceil(reset / 1000),
        window_seconds: WINDOW_MS / 1000,
      },
    },
  })
}
