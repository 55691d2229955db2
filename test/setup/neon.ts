import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { up } from '../../drizzle/migrate.ts'
import { migrateAuth } from '../../local/auth/migrate.ts'
import { emptyDatabase } from './database.ts'
import { startFaultProxy } from './fault-proxy.ts'

/** A thread that world.ts starts: Neon in memory or, given a server, in front of that. Any message ends it. */

/** An image of an empty PGlite, which takes seconds of CPU to make: kept for the next run, until `npm ci`. */
const pglite = import.meta.resolve('@electric-sql/pglite')
const { version } = JSON.parse(await readFile(new URL('../package.json', pglite), 'utf8'))
const cache = fileURLToPath(new URL('../../../.cache', pglite))
const image = `${cache}/pglite-${version}.tar`

const { neon, database, close } = await emptyDatabase(existsSync(image) ? image : undefined)
if (typeof database !== 'string' && !existsSync(image)) {
  await mkdir(cache, { recursive: true })
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
