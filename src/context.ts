import { Hono } from 'hono/tiny'
import { getPath } from 'hono/utils/url'
import type { Database } from './db/client.ts'
import type { Env, Settings } from './env.ts'
import type { Session } from './session/session.ts'

export interface AppEnv {
  Bindings: Env
  Variables: {
    requestId: string
    settings: Settings
    db: Database
    session: Session
    /** More members for this request's log line: names, codes and counts, never values a client sent. */
    note: Record<string, unknown>
  }
}

/** `/tasks/` is `/tasks`. With `strict: false` `/tasks//` would be too: the router itself takes a slash off. */
const pathOf = (request: Request) => getPath(request).replace(/(?<=[^/])\/$/, '')

export const router = () => new Hono<AppEnv>({ getPath: pathOf })
