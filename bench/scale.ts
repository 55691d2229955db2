import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { machine } from './report/results.ts'
import { fill, type Size, tasksOf } from './scale/fill.ts'
import { hotUpdates, measureOperations, measurePurge, relations, timed } from './scale/measure.ts'
import { type Results, report } from './scale/report.ts'
import { startSide } from './scale/side.ts'
import { variants } from './scale/variants.ts'

/**
 * `npm run bench:scale`: the Worker's own statements on a table of 21 million tasks, in turns with one of 105,000, written
 * to results/scale.md. `-- --users 2000` makes the large one smaller, `-- --pairs 5` is a first look; `-- --keep` leaves both, for the next to find.
 */

const { values } = parseArgs({
  options: { users: { type: 'string' }, pairs: { type: 'string' }, keep: { type: 'boolean' } },
})
const users = Number(values.users ?? 200_000)
const pairs = Number(values.pairs ?? 41)
const SIZES: Record<'large' | 'small', Size> = {
  large: { users, keys: { current: 24 * users, expired: Math.max(users, 20_000) } },
  small: { users: 1000, keys: { current: 24_000, expired: 20_000 } },
}
const SECRET = 'benchmark-session-hash-secret-32-characters'

const { LOCAL_POSTGRES_URL: server, LOCAL_REDIS_URL: redis } = process.env
if (!server || !redis)
  throw new Error('Run this behind .ci/with-services: it needs a PostgreSQL and a Redis.')
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143))
const say = (what: string) => console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`)

const admin = new pg.Client({ connectionString: server })
await admin.connect()
const nameOf = (size: keyof typeof SIZES) => `tasks_scale_${size}`

async function filled(size: keyof typeof SIZES) {
  const url = new URL(server as string)
  url.pathname = nameOf(size)
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [nameOf(size)])
  if (rowCount === 0) {
    await admin.query(`create database ${nameOf(size)}`)
    say(
      `${tasksOf(SIZES[size]).toLocaleString('en')} tasks of ${SIZES[size].users.toLocaleString('en')} users`,
    )
    await fill(url.href, SECRET, SIZES[size], say)
  }
  return await startSide(url.href, redis as string, SECRET, SIZES[size])
}

try {
  const small = await filled('small')
  const large = await filled('large')
  try {
    const sides = { large, small }
    const sizes = { large: await relations(large), small: await relations(small) }
    const operations = await measureOperations(sides, pairs, say)
    say('HOT updates')
    const hot = {
      title: await hotUpdates(large, 'patch: title', 300),
      completed: await hotUpdates(large, 'patch: completed', 300),
    }
    say('vacuum')
    const vacuum = await timed(() => large.client.query('vacuum (index_cleanup on) tasks'))
    say('the hourly purge')
    const purge = await measurePurge(sides, 11)
    const results: Results = {
      date: new Date().toISOString().slice(0, 10),
      machine: machine(),
      settings: (
        await admin.query(`select split_part(current_setting('server_version'), ' ', 1) as version,
          current_setting('shared_buffers') as buffers`)
      ).rows[0],
      rows: { large: tasksOf(SIZES.large), small: tasksOf(SIZES.small) },
      users: { large: SIZES.large.users, small: SIZES.small.users },
      sizes,
      operations,
      hot,
      vacuum,
      purge,
      variants: await variants(small, say),
    }
    const path = fileURLToPath(new URL('results/scale.md', import.meta.url))
    await writeFile(path, report(results))
    say('bench/results/scale.md is written')
  } finally {
    await large.close()
    await small.close()
  }
} finally {
  if (!values.keep)
    for (const size of ['large', 'small'] as const)
      await admin.query(`drop database if exists ${nameOf(size)} with (force)`)
  await admin.end()
}
