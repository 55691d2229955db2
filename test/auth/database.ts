import { startNeon } from '../../local/neon.ts'
import { createDatabase } from '../setup/database.ts'

/** Neon's stand-in on an empty database of its own: a PGlite, or a new one on the server of LOCAL_POSTGRES_URL. */
export async function emptyDatabase() {
  const server = process.env.LOCAL_POSTGRES_URL
  if (!server) {
    const neon = await startNeon({})
    return { neon, database: neon.pglite, close: neon.close }
  }
  const { url, drop } = await createDatabase(server)
  const neon = await startNeon({ postgresUrl: url })
  const close = async () => {
    await neon.close()
    await drop()
  }
  return { neon, database: url, close }
}
