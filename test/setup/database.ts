import pg from 'pg'
import { startNeon } from '../../local/neon.ts'

/** The password is a canary that no log may repeat. */
const databaseUrl = 'postgres://tests:canary-database-password@127.0.0.1/tasks'

/** A database of its own on a real server, so that neither runs nor files of tests meet. */
async function createDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `tasks_test_${crypto.randomUUID().replaceAll('-', '')}`
  const run = async (statement: string) => {
    const client = new pg.Client({ connectionString: serverUrl })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await run(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = name
  return { url: url.href, drop: () => run(`drop database ${name} with (force)`) }
}

/**
 * Neon's stand-in on an empty database of its own: on the server of LOCAL_POSTGRES_URL, or a PGlite, which makes one in
 * seconds and reads the image of one in less than a second.
 */
export async function emptyDatabase(image?: string) {
  const server = process.env.LOCAL_POSTGRES_URL
  if (!server) {
    const neon = await startNeon({ image, databaseUrl })
    return { neon, database: neon.pglite, close: neon.close }
  }
  const { url, drop } = await createDatabase(server)
  const neon = await startNeon({ postgresUrl: url, databaseUrl })
  const close = async () => {
    await neon.close()
    await drop()
  }
  return { neon, database: url, close }
}
