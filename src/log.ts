import { createMiddleware } from 'hono/factory'
import { routePath } from 'hono/route'
import type { AppEnv } from './context.ts'

/** One JSON line. Callers pass names, codes and counts: never a token, a hash, a URL or what a task says. */
export function log(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void {
  console[level](JSON.stringify({ level, event, ...fields }))
}

/** One line a request. The route's pattern stands in for the path, which may hold anything. */
export const requestLog = createMiddleware<AppEnv>(async function requestLog(c, next) {
  const started = Date.now()
  c.set('note', {})
  await next()
  const { status } = c.res
  log(status >= 500 ? 'error' : 'info', 'request', {
    request_id: c.get('requestId'),
    method: c.req.method,
    route: routePath(c, -1),
    status,
    duration_ms: Date.now() - started,
    ...c.get('note'),
  })
})

/** An error with what caused it, in lines: `wrangler dev` puts the source's lines in place of the bundle's. */
export function explain(error: unknown): void {
  console.error(error instanceof Error ? error.stack : error)
  if (error instanceof Error && error.cause !== undefined) explain(error.cause)
}
