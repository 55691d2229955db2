import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { AppEnv } from './context.ts'
import { malformed, Problem, registry } from './problem.ts'

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
