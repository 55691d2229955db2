import { createHmac, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { startNeon } from '../../local/neon.ts'
import { startUpstash } from '../../local/upstash.ts'
import { buildBundle, startWorkerd } from '../../local/workerd.ts'

const SESSION_HASH_SECRET = 'session hash secret of the generated clients'

/** The code that a later version answers with in place of any other. */
export const LATER_CODE = 'a_new_code'

/** The API as it is deployed, on workerd in front of the stand-ins, and the same as a later version might be. */
export async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'tasks-clients-'))
  const upstashToken = randomUUID()
  const [bundle, neon, upstash] = await Promise.all([
    buildBundle(folder),
    startNeon({}),
    startUpstash({ token: upstashToken }),
  ])
  const { databaseUrl } = neon
  await migrateAuth(neon)
  await up({ databaseUrl, fetchEndpoint: neon.url })
  const api = await startWorkerd({
    bundle,
    vars: {
      ENVIRONMENT: 'development',
      DATABASE_URL: databaseUrl,
      NEON_FETCH_ENDPOINT: neon.url,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstashToken,
      SESSION_HASH_SECRET,
      // Soon spent.
      RATE_LIMIT_WRITES: '15',
    },
  })
  const later = await startLater(api.url)
  return {
    url: api.url,
    laterUrl: later.url,
    /** A fresh user's session token. */
    async signUp(): Promise<string> {
      const token = `token${randomUUID().replaceAll('-', '')}`
      const hash = createHmac('sha256', SESSION_HASH_SECRET).update(token).digest('hex')
      await neon.query(
        `with owner as (insert into users (email, name) values ($1, 'Ann') returning id)
         insert into user_sessions (user_id, token_hash, expires_at)
         select id, $2, now() + interval '1 hour' from owner`,
        [`${randomUUID()}@example.com`, hash],
      )
      return token
    },
    async close(): Promise<void> {
      later.close()
      await api.close()
      await Promise.all([neon.close(), upstash.close()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const OF_A_CONNECTION =
  /^(connection|content-encoding|content-length|host|http2-settings|keep-alive|transfer-encoding|upgrade)$/

/** In front of the API: every object in an answer has a member more, the answer a header, and codes are new. */
async function startLater(target: string) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = Object.entries(request.headers).filter(([name]) => !OF_A_CONNECTION.test(name))
    const answer = await fetch(target + request.url, {
      method: request.method ?? 'GET',
      headers: headers as [string, string][],
      ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
    })
    const text = await answer.text()
    const body = text && JSON.stringify(later(JSON.parse(text)))
    answer.headers.forEach((value, name) => {
      if (!OF_A_CONNECTION.test(name)) response.setHeader(name, value)
    })
    response.setHeader('X-A-New-Header', 'of a later version')
    response.writeHead(answer.status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function later(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(later)
  if (typeof node !== 'object' || node === null) return node
  const members = Object.entries(node).map(([name, value]) => [
    name,
    name === 'code' ? LATER_CODE : later(value),
  ])
  return { ...Object.fromEntries(members), a_new_member: { of: ['any', 'kind'] } }
}
