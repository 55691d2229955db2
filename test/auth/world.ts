import { afterAll, expect, inject } from 'vitest'
import { migrateAuth, startAuth } from '../../local/auth/index.ts'
import { emptyDatabase } from '../setup/database.ts'
import type {} from '../setup/world.ts'
import { authClient } from './client.ts'
import { everything, hash, rawTokens } from './scan.ts'
import { randomAddress, taskApis } from './task-api.ts'
import { watch } from './watch.ts'

export const secret = 'better-auth secret of the auth tests, 0123456789'
export const sessionHashSecret = 'session hash secret of the auth tests, 0123456789'

const ours = ['127.0.0.1', 'localhost', new URL(process.env.LOCAL_POSTGRES_URL ?? 'pg://localhost').hostname]

/**
 * The real server over HTTP on a database of its own. When the file is done, its database and all that was
 * logged are searched for the tokens that were issued.
 */
export async function openWorld() {
  const { neon: db, database, close } = await emptyDatabase(inject('pgliteImage'))
  await migrateAuth(db)
  const secrets = new Set<string>()
  const servers: Awaited<ReturnType<typeof startAuth>>[] = []
  const watched = watch()

  async function start(hashSecrets: { sessionHashSecret: string; sessionHashSecretPrevious?: string }) {
    secrets.add(hashSecrets.sessionHashSecret)
    const server = await startAuth({ database, secret, ...hashSecrets })
    servers.push(server)
    return server
  }
  const apis = await taskApis(db)
  const main = await start({ sessionHashSecret })
  const client = authClient(main.url)

  /** What the task API answers to this Bearer token. */
  async function apiStatus(bearer: string, accepted = [sessionHashSecret]): Promise<number> {
    const api = await apis.accepting(accepted)
    const { status } = await fetch(`${api.url}/tasks?limit=1`, {
      // Bad tokens count against their address, so each comes from another one.
      headers: { Authorization: `Bearer ${bearer}`, 'CF-Connecting-IP': randomAddress() },
    })
    return status
  }

  afterAll(async () => {
    const values = await everything(db)
    for (const server of servers) await server.close()
    watched.lines.push(...(await apis.close()))
    await close()

    const tokens = [...client.issued]
    expect(rawTokens(values, tokens)).toEqual([])
    const hashes = tokens.flatMap((token) => [...secrets].map((key) => hash(key, token)))
    const stored = values.filter(
      ({ column, value }) => column.endsWith('_hash') && !value.startsWith(notATokens),
    )
    expect(stored.filter(({ value }) => !hashes.includes(value))).toEqual([])
    for (const value of [...tokens, ...secrets, secret]) expect(watched.lines.join('\n')).not.toContain(value)
    expect([...watched.hosts].filter((host) => !ours.includes(host))).toEqual([])
  })

  return { db, database, main, start, apiStatus, watched, ...client }
}

/** How the hashes begin that a test stores by itself: there is no token to them. */
export const notATokens = 'f00d'
