#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { type Adoption, adopt } from './adoption/run.ts'
import { refuseSecret } from './refuse.ts'

const usage = `Gives a stock better-auth database hashed sessions, and the tasks API what it reads of them. Asks nothing;
can be run twice. Stop the auth server first, and start it again with the wrapper.

  adopt-hashed-sessions views    the tables stay as they are; the API reads two views
  adopt-hashed-sessions move     the tables become users, user_sessions, accounts and verifications, with uuids
  adopt-hashed-sessions undo     takes either back; sessions end with it, for no hash becomes a token again

  --dry-run        print what would be done, and do nothing
  --schema NAME    where the tables are, if not in public

  DATABASE_URL (the owner's) and SESSION_HASH_SECRET (the API's) come from the environment.`

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean' }, schema: { type: 'string' }, help: { type: 'boolean' } },
  })
  const [way = '', ...more] = positionals
  if (values.help) return console.log(usage)
  if (!isWay(way) || more.length > 0) throw new Error(`say views, move or undo, and no more\n\n${usage}`)
  const { DATABASE_URL: connectionString, SESSION_HASH_SECRET: secret } = process.env
  if (!connectionString) throw new Error("DATABASE_URL is missing: set it to the tables' owner's")
  if (way !== 'undo') refuseSecret('secret', secret)

  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const options = { way, secret: secret ?? '', schema: values.schema, dryRun: values['dry-run'] }
    await adopt(client, { ...options, log: (line) => console.log(line) })
  } finally {
    await client.end()
  }
}

const isWay = (way: string): way is Adoption['way'] => ['views', 'move', 'undo'].includes(way)

main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
