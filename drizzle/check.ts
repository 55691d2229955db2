import { readdir, readFile } from 'node:fs/promises'
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api'
import * as schema from '../src/db/schema.ts'

/** Part of `npm run check`: the migrations end where src/db/schema.ts is, and each can be taken back. */

const here = new URL('./', import.meta.url)
const json = async (file: string) => JSON.parse(await readFile(new URL(file, here), 'utf8'))

const { entries }: { entries: { idx: number; tag: string }[] } = await json('meta/_journal.json')
const files = await readdir(here)
const faults = entries.flatMap(({ tag }) =>
  [`${tag}.sql`, `${tag}.down.sql`].flatMap((file) =>
    files.includes(file) ? [] : `drizzle/${file} is missing.`,
  ),
)
const newest = await json(`meta/${`${entries.at(-1)?.idx}`.padStart(4, '0')}_snapshot.json`)
const ahead = await generateMigration(newest, generateDrizzleJson(schema, newest.id))
if (ahead.length > 0) {
  faults.push(
    `src/db/schema.ts is ahead of drizzle/: npm run db:generate -- --name what\n${ahead.join('\n')}`,
  )
}
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0
