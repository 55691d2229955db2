import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PGlite } from '@electric-sql/pglite'
import { toNodeHandler } from 'better-auth/node'
import { createAuth } from './auth.ts'
import { corsHeaders, developmentOrigins } from './cors.ts'
import { connect } from './database.ts'
import { report } from './log.ts'

export interface AuthOptions {
  /** Default: any free port. */
  port?: number
  /** The local world's PGlite, or the URL of a PostgreSQL. Migrated beforehand: see migrateAuth. */
  database: PGlite | string
  /** BETTER_AUTH_SECRET: signs cookies, and stays on this server. */
  secret: string
  /** SESSION_HASH_SECRET, and during a rotation SESSION_HASH_SECRET_PREVIOUS: shared with the task API. */
  sessionHashSecret: string
  sessionHashSecretPrevious?: string
  /** Whose pages may call. Default: developmentOrigins. */
  origins?: string[]
}

/** better-auth over HTTP under /api/auth, on 127.0.0.1 only. A taken port rejects with Node's own EADDRINUSE. */
export async function startAuth({
  database,
  origins = developmentOrigins,
  port = 0,
  ...secrets
}: AuthOptions) {
  const server = createServer()
  // Node hangs up on an idle client after 5 s, in a race with the client's next request.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  const [url, baseURL] = [`http://127.0.0.1:${bound}`, `http://localhost:${bound}`]
  const connection = connect(database)

  async function close() {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
    await connection.close()
  }

  try {
    const auth = createAuth({ ...secrets, db: connection.db, baseURL, origins: [...origins, url] })
    // Where a refused set-up shows: better-auth itself would tell the first request.
    await auth.$context
    server.on('request', toNodeHandler(withCors(auth.handler, origins)))
  } catch (error) {
    await close()
    throw error
  }
  return { url, port: bound, close }
}

function withCors(handler: (request: Request) => Promise<Response>, origins: string[]) {
  return async (request: Request): Promise<Response> => {
    const cors = corsHeaders(request, origins)
    if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: cors })
    const response = await handler(request).catch((error: unknown) => {
      report(error)
      return Response.json(
        { code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' },
        { status: 500 },
      )
    })
    for (const [name, value] of cors) response.headers.set(name, value)
    return response
  }
}
