import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { AppEnv } from './context.ts'

/** Every way a request can fail, and nothing outside it: status, title, and the detail where no other is given. */
export const registry = {
  validation_error: [400, 'Request validation failed', 'One or more validation errors occurred'],
  authentication_error: [401, 'Authentication failed', 'Invalid or missing authentication credentials'],
  not_found: [404, 'Resource not found', 'The requested resource was not found'],
  method_not_allowed: [405, 'Method not allowed', 'This resource does not support the method of the request'],
  precondition_failed: [
    412,
    'Precondition failed',
    'The task has changed since the version the request names',
  ],
  payload_too_large: [413, 'Payload too large', 'The body is larger than 64 KiB'],
  unsupported_media_type: [415, 'Unsupported media type', 'Send the body as application/json'],
  idempotency_key_reused: [
    422,
    'Idempotency key reused',
    'This Idempotency-Key was already used with another body in the last 24 hours',
  ],
  rate_limit_exceeded: [429, 'Rate limit exceeded', 'Too many requests'],
  internal_error: [500, 'Internal server error', 'An unexpected error occurred'],
  service_unavailable: [
    503,
    'Service unavailable',
    'The service is temporarily unavailable. Try again shortly.',
  ],
} as const

export type ProblemType = keyof typeof registry

/** One entry of `errors[]`; `value` is absent when it is not a string, number, boolean or null. */
export interface FieldError {
  field: string
  message: string
  code: string
  value?: string | number | boolean | null
}

interface Extra {
  detail?: string
  headers?: Record<string, string>
  /** Members beside the seven that every problem has: `errors`, or `retry_after` and `rate_limit_info`. */
  members?: Record<string, unknown>
  /** For the log line only. */
  cause?: unknown
}

/** Throw one anywhere; `onError` answers with it. */
export class Problem extends Error {
  readonly type: ProblemType
  readonly extra: Extra

  constructor(type: ProblemType, extra: Extra = {}) {
    super(type)
    this.type = type
    this.extra = extra
  }
}

export const invalid = (errors: FieldError[]) => new Problem('validation_error', { members: { errors } })

/** RFC 6750 §3: no error code when the request carries no credentials at all. */
export const unauthorized = (error?: 'invalid_token') =>
  new Problem('authentication_error', {
    headers: { 'WWW-Authenticate': `Bearer realm="tasks"${error ? `, error="${error}"` : ''}` },
  })

export const malformed = () =>
  invalid([{ field: 'body', message: 'Body is not valid JSON', code: 'json_invalid' }])

/** What a read or a refusal says of itself alone. Hono would pass it on to the problem that takes its place. */
const OF_ONE_ANSWER = ['ETag', 'Link', 'X-Next-Cursor', 'Cache-Control', 'Retry-After', 'WWW-Authenticate']

/** The one writer of error bodies (RFC 9457). */
export function respond(c: Context<AppEnv>, { type, extra }: Problem): Response {
  const [status, title, detail] = registry[type]
  for (const name of OF_ONE_ANSWER) c.res.headers.delete(name)
  const body = {
    type,
    title,
    status,
    detail: extra.detail ?? detail,
    // As it was sent: a URI reference (RFC 9457 §3.1.5), where c.req.path is decoded.
    instance: new URL(c.req.url).pathname,
    timestamp: new Date().toISOString(),
    request_id: c.get('requestId'),
    ...extra.members,
  }
  return c.body(JSON.stringify(body), status, {
    ...extra.headers,
    'Content-Type': 'application/problem+json',
  })
}

export function onError(error: Error, c: Context<AppEnv>): Response {
  if (error instanceof Problem) {
    if (error.extra.cause !== undefined) Object.assign(c.get('note'), { fault: error.extra.cause })
    return respond(c, error)
  }
  // Only hono's JSON validator throws one: a body that does not parse.
  if (error instanceof HTTPException) return respond(c, malformed())
  // Messages may quote what a client sent or what a row holds; names and frames cannot.
  const { name, message, stack = '' } = error
  const frames = stack.slice(stack.indexOf(message) + message.length).match(/^ {4}at .+/gm) ?? []
  Object.assign(c.get('note'), { error: name, frames: frames.slice(0, 8).map((line) => line.trim()) })
  return respond(c, new Problem('internal_error'))
}

export const notFound = (c: Context<AppEnv>): Response => respond(c, new Problem('not_found'))
