import { createMiddleware } from 'hono/factory'
import type { AppEnv } from './context.ts'
import type { Database } from './db/client.ts'
import { explain } from './log.ts'

/** `npm run dev` sets it, by `wrangler dev --define`: nothing that is deployed does any of this, whatever its settings. */
declare const DEVELOPING: boolean | undefined

/** What a developer wants to see and nobody else may: where the time went, and what lies behind a 5xx. */
export const development = createMiddleware<AppEnv>(async function development(c, next) {
  const isDevelopment = (c.env.ENVIRONMENT || 'development') === 'development'
  if (!isDevelopment || typeof DEVELOPING !== 'boolean' || !DEVELOPING) return await next()
  const spans: string[] = []
  const measure = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now()
    try {
      return await work()
    } finally {
      spans.push(`${name};dur=${(performance.now() - started).toFixed(1)}`)
    }
  }
  const db = c.get('db') as Database | undefined
  if (db) {
    c.set('db', {
      read: (statement, values) => measure('db', () => db.read(statement, values)),
      write: (statement, values) => measure('db', () => db.write(statement, values)),
    })
  }
  await measure('total', next)
  c.header('Server-Timing', spans.join(', '))
  if (c.error && c.res.status >= 500) explain(c.error)
})
