import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { mock } from 'node:test'
import { openapi } from './document.ts'
import { assertNothingBreaks } from './landed.ts'
import { scalar } from './scalar.ts'

/**
 * Writes public/openapi.json, and beside it the docs page's script, which is too big to be committed. Runs in front
 * of every `wrangler dev` and `wrangler deploy` (wrangler.toml, `build`). With `--check` it writes nothing, and fails
 * when the committed document is not what src/ says, or would break clients of the one that landed last.
 */
const publicDir = join(import.meta.dirname, '../public')
const checking = process.argv.includes('--check')

// Examples are what src/ answers at this moment.
mock.timers.enable({ apis: ['Date'], now: new Date('2025-12-10T12:34:56.000Z') })

// White space that nobody can see is written as escapes; some readers also take U+2028 for the end of a line.
const document = await openapi()
const json = JSON.stringify(document, null, 2).replace(
  /(?![ \n])\p{White_Space}/gu,
  (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
)
await write('openapi.json', `${json}\n`)
if (checking) assertNothingBreaks(document)
else await write('docs/scalar.js', await scalar())

/** Leaves alone what is right already, so that no watcher starts over for nothing. */
async function write(name: string, text: string): Promise<void> {
  const file = join(publicDir, name)
  const current = await readFile(file, 'utf8').catch(() => undefined)
  if (current === text) return
  if (checking) throw new Error(`public/${name} is stale: npm run openapi`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
}
