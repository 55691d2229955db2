import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const pglite = join(createRequire(import.meta.url).resolve('@electric-sql/pglite'), '../..')
const { version } = JSON.parse(readFileSync(join(pglite, 'package.json'), 'utf8'))

/** The path of an image of an empty PGlite, which takes seconds of CPU to make: kept for the next run, until `npm ci`. */
export const image = join(pglite, '../../.cache', `pglite-${version}.tar`)
