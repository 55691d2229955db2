import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { emptyDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'

/** A thread that world.ts starts: Neon in memory or, given a server, in front of that. Any message ends it. */

const { neon, database, close } = await emptyDatabase()
const folder = await mkdtemp(join(tmpdir(), 'tasks-image-'))
let pgliteImage: string | undefined
if (typeof database !== 'string') {
  pgliteImage = join(folder, 'empty.tar')
  await writeFile(pgliteImage, (await database.dumpDataDir('none')).stream())
}
const faulty = await startFaultProxy(neon.url)
const { databaseUrl } = neon
await migrateAuth(neon)
await up({ databaseUrl, fetchEndpoint: neon.url })
parentPort?.postMessage({
  DATABASE_URL: databaseUrl,
  NEON_FETCH_ENDPOINT: neon.url,
  FAULTY_NEON: `${faulty.url}/sql`,
  pgliteImage,
})
parentPort?.once('message', async () => {
  await faulty.close()
  await close()
  await rm(folder, { recursive: true })
})
