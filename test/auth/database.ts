import pg from 'pg'
import { startNeon } from '../../local/neon.ts'

/** Neon's stand-in on an empty database of its own: a PGlite, or a new one on the server of LOCAL_POSTGRES_URL. */
export async function emptyDatabase() {
  const server = process.env.LOCAL_POSTGRES_URL
  if (!server) {
    const neon = await startNeon({})
    return { neon, database: neon.pglite, close: neon.close }
  }

  const name = `auth_test_${crypto.randomUUID().replaceAll('-', '')}`
  const url = new URL(server)
  url.pathname = `/${name}`
  await once(server, `create database ${name}`)
  const neon = await startNeon({ postgresUrl: url.href })
  const close = async () => {
    await neon.close()
    await once(server, `drop database ${name} with (force)`)
  }
  return { neon, database: url.href, close }
}

async function once(connectionString: string, sql: string) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
