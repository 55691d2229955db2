import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { emptyDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { image } from './image.ts'

/** A thread that world.ts starts: Neon in memory or, given a server, in front of that. Any message ends it. */

const { neon, database, close } = await emptyDatabase(existsSync(image) ? image : undefined)
if (typeof database !== 'string' && !existsSync(image)) {
  await mkdir(dirname(image), { recursive: true })
  // Another run may read it at this moment, or write it.
  const own = `${image}.${process.pid}`
  await writeFile(own, (await database.dumpDataDir('none')).stream())
  await rename(own, image)
}
const faulty = await startFaultProxy(neon.url)
const { databaseUrl } = neon
await migrateAuth(neon)
await up({ databaseUrl, fetchEndpoint: neon.url })
parentPort?.postMessage({
  DATABASE_URL: databaseUrl,
  NEON_FETCH_ENDPOINT: neon.url,
  FAULTY_NEON: `${faulty.url}/sql`,
  pgliteImage: typeof database === 'string' ? undefined : image,
})
parentPort?.once('message', async () => {
  await faulty.close()
  await close()
  process.exit()
})
