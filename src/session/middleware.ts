import { createMiddleware } from 'hono/factory'
import type { AppEnv } from '../context.ts'
import { chargeAnonymous } from '../limit/middleware.ts'
import { unauthorized } from '../problem.ts'
import { parseBearer, tokenHashes } from './token.ts'

/** Refuses, with no I/O, what cannot be a token. Whether a token is alive, only the database says. */
export const session = createMiddleware<AppEnv>(async function session(c, next) {
  const header = c.req.header('Authorization')
  const token = header && parseBearer(header)
  if (!token) {
    await chargeAnonymous(c)
    throw unauthorized(header === undefined ? undefined : 'invalid_token')
  }
  c.set('session', { hashes: await tokenHashes(c.get('settings'), token) })
  await next()
})
