import type { Context } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from './context.ts'
import { configure } from './env.ts'

/** Every request has an id: the caller's own, when it is safe to repeat in a header and a log, else a UUID. */
export const requestId = createMiddleware<AppEnv>(async function requestId(c, next) {
  const own = c.req.header('X-Request-Id')
  c.set('requestId', own && /^[A-Za-z0-9_-]{1,128}$/.test(own) ? own : crypto.randomUUID())
  c.header('X-Request-Id', c.get('requestId'))
  await next()
})

export const securityHeaders = createMiddleware<AppEnv>(async function securityHeaders(c, next) {
  await next()
  const { headers } = c.res
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'")
  headers.set('Referrer-Policy', 'no-referrer')
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
  if ((c.env.ENVIRONMENT || 'development') !== 'development') {
    headers.set('Strict-Transport-Security', 'max-age=63072000; includeSubDomains')
  }
})

const allowed = (origin: string, c: Context<AppEnv>) =>
  configure(c.env).origins.includes(origin) ? origin : null

const preflight = cors({
  origin: allowed,
  credentials: true,
  allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  allowHeaders: [
    'Accept',
    'Content-Type',
    'Authorization',
    'If-Match',
    'If-None-Match',
    'Idempotency-Key',
    'X-Request-Id',
    // What tracing adds to every request of a frontend: W3C Trace Context, Baggage, Sentry.
    'traceparent',
    'tracestate',
    'baggage',
    'sentry-trace',
  ],
  maxAge: 600,
})

const EXPOSED = [
  'Content-Type',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'ETag',
  'Link',
  'X-Next-Cursor',
  'Location',
  'X-Request-Id',
  'Idempotency-Replayed',
].join(',')

/** Preflights are hono's. On an answer that is there hono would copy all of it, to add one header. */
export const crossOrigin = createMiddleware<AppEnv>(async function crossOrigin(c, next) {
  if (c.req.method === 'OPTIONS') return await preflight(c, next)
  await next()
  const { headers } = c.res
  const origin = allowed(c.req.header('Origin') ?? '', c)
  if (origin) headers.set('Access-Control-Allow-Origin', origin)
  headers.set('Access-Control-Allow-Credentials', 'true')
  headers.set('Access-Control-Expose-Headers', EXPOSED)
  headers.append('Vary', 'Origin')
})
