import type { Context } from 'hono'
import type { AppEnv } from '../context.ts'
import { Problem } from '../problem.ts'
import type { Decision } from './decision.ts'

/** Writes what the decision says into the answer, in three dialects; throws the 429 when it is a refusal. */
export function enforce(c: Context<AppEnv>, decision: Decision): void {
  const { admitted, policy, limit, window, by, remaining, reset } = decision
  const seconds = Math.max(1, Math.ceil((reset - Date.now()) / 1000))
  c.get('note').limiter = by
  setHeader(c, 'RateLimit-Policy', `"${policy}";q=${limit};w=${window}`)
  setHeader(c, 'X-RateLimit-Limit', `${limit}`)
  if (remaining !== undefined) {
    // draft-ietf-httpapi-ratelimit-headers §4: t in seconds from now. X-RateLimit-Reset is in epoch seconds.
    setHeader(c, 'RateLimit', `"${policy}";r=${remaining};t=${seconds}`)
    setHeader(c, 'X-RateLimit-Remaining', `${remaining}`)
    setHeader(c, 'X-RateLimit-Reset', `${Math.ceil(reset / 1000)}`)
  }
  if (!admitted) throw rateLimited(decision, seconds)
}

/** `c.header` makes a new Response for every header that comes after the handler's. */
function setHeader(c: Context<AppEnv>, name: string, value: string): void {
  if (c.finalized) c.res.headers.set(name, value)
  else c.header(name, value)
}

function rateLimited({ limit, window, reset }: Decision, seconds: number): Problem {
  return new Problem('rate_limit_exceeded', {
    detail: `Too many requests. Retry after ${seconds} seconds.`,
    headers: { 'Retry-After': `${seconds}` },
    members: {
      retry_after: seconds,
      rate_limit_info: { limit, remaining: 0, reset: Math.ceil(reset / 1000), window_seconds: window },
    },
  })
}
