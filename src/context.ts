import { Hono } from 'hono/tiny'
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

/** `strict: false` makes `/tasks/` and `/tasks` one resource. */
export const router = () => new Hono<AppEnv>({ strict: false })
