import { execFile } from 'node:child_process'
import { appendFile, cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { authRowsOf, historyOf, schemaOf, startDatabase, type TestDatabase } from './database.ts'

const DRIZZLE = fileURLToPath(new URL('../../drizzle', import.meta.url))
const SOURCE = fileURLToPath(new URL('../../src', import.meta.url))
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** The project's own, in order, however many there are. */
const { entries }: { entries: { tag: string }[] } = JSON.parse(
  await readFile(join(DRIZZLE, 'meta/_journal.json'), 'utf8'),
)
const NAMES = entries.map(({ tag }) => tag)
const [FIRST, LAST] = [NAMES[0] as string, NAMES.at(-1) as string]
const APPLIED = `Applied ${NAMES.join(', ')}.`
/** One more, of a test. */
const NEXT = `${`${NAMES.length}`.padStart(4, '0')}_canary`

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

// One for all tests, which run one after the other: a PGlite takes seconds to start.
let shared: TestDatabase | undefined
afterAll(() => shared?.close())

async function anEmptyDatabase(): Promise<TestDatabase> {
  shared ??= await startDatabase()
  await shared.empty()
  return shared
}

/** A database in which people have signed up and in. */
async function aDatabaseWithUsers(): Promise<TestDatabase> {
  const database = await anEmptyDatabase()
  await database.rows(`with people as (
      insert into users (email, name) select 'canary' || n || '@test', 'Canary ' || n from generate_series(1, 20) as n
      returning id)
    insert into user_sessions (user_id, token_hash, expires_at, revoked, ip_address, user_agent)
    select id, encode(sha256(id::text::bytea), 'hex'), now() + interval '1 hour', random() < 0.5, '192.0.2.1', 'canary'
    from people`)
  return database
}

/** A copy of drizzle/, for migrations that the project does not have. */
async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tasks-migrations-'))
  folders.push(folder)
  await cp(DRIZZLE, join(folder, 'drizzle'), { recursive: true })
  await symlink(MODULES, join(folder, 'node_modules'))
  await symlink(SOURCE, join(folder, 'src'))
  return join(folder, 'drizzle')
}

async function addMigration(folder: string, up: string, down: string): Promise<void> {
  const name = NEXT
  const file = join(folder, 'meta/_journal.json')
  const journal: { entries: { idx: number; tag: string }[] } = JSON.parse(await readFile(file, 'utf8'))
  journal.entries.push({ idx: journal.entries.length, tag: name })
  await writeFile(file, JSON.stringify(journal))
  await writeFile(join(folder, `${name}.sql`), up)
  await writeFile(join(folder, `${name}.down.sql`), down)
}

interface Run {
  code: number
  output: string
}

/** The runner as an operator runs it; its output never has the password. */
async function migrate(env: Partial<TestDatabase['env']>, command: string, folder = DRIZZLE): Promise<Run> {
  const run = await new Promise<Run>((resolve) => {
    // Not here, where a .dev.vars may lie. Forty times the same modules: compiled once.
    const NODE_COMPILE_CACHE = join(tmpdir(), 'node-compile-cache')
    const options = { cwd: tmpdir(), env: { PATH: process.env.PATH, NODE_COMPILE_CACHE, ...env } }
    execFile(process.execPath, [join(folder, 'migrate.ts'), command], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    )
  })
  expect(run.output).not.toMatch(/canary-database-password/)
  return run
}

async function succeed(env: TestDatabase['env'], command: string, folder = DRIZZLE): Promise<string> {
  const { code, output } = await migrate(env, command, folder)
  expect(code, output).toBe(0)
  return output
}

test('up, down and up again end in one schema, and leave the tables of the auth server as they were', async () => {
  const database = await aDatabaseWithUsers()
  const [before, people] = [await schemaOf(database), await authRowsOf(database)]
  expect(people).toHaveLength(40)

  expect(await succeed(database.env, 'up')).toContain(APPLIED)
  const first = await schemaOf(database)
  expect(first.length).toBeGreaterThan(before.length)
  expect(first).toEqual(expect.arrayContaining(before))
  await database.rows(`insert into tasks (user_id, title) select id, 'canary' from users`)

  for (const name of NAMES.toReversed()) {
    expect(await succeed(database.env, 'down')).toContain(`Rolled back ${name}.`)
  }
  expect(await schemaOf(database)).toEqual(before)
  expect(await historyOf(database)).toEqual([])

  expect(await succeed(database.env, 'up')).toContain(APPLIED)
  expect(await schemaOf(database)).toEqual(first)
  expect(await historyOf(database)).toEqual(NAMES)
  expect(await authRowsOf(database)).toEqual(people)
})

test('up and down without anything to do change nothing, and say so', async () => {
  const database = await anEmptyDatabase()
  const before = await schemaOf(database)
  expect(await succeed(database.env, 'down')).toContain('Nothing to roll back.')
  expect(await schemaOf(database)).toEqual(before)
  await succeed(database.env, 'up')
  const after = await schemaOf(database)
  expect(await succeed(database.env, 'up')).toContain('Nothing to apply.')
  expect(await schemaOf(database)).toEqual(after)
})

test('status lists every migration with what has become of it', async () => {
  const database = await anEmptyDatabase()
  const lines = (state: string, names: string[]) => names.map((name) => `${state}  ${name}\n`).join('')
  expect(await succeed(database.env, 'status')).toContain(lines('pending', NAMES))
  expect(await historyOf(database)).toEqual([])
  const folder = await aFolder()
  await succeed(database.env, 'up', folder)
  await addMigration(folder, 'create table canary (id int)', 'drop table canary')
  const output = await succeed(database.env, 'status', folder)
  expect(output).toContain(lines('applied', NAMES) + lines('pending', [NEXT]))
})

test('a migration that fails leaves nothing of itself, and the ones before it stay', async () => {
  const database = await aDatabaseWithUsers()
  const folder = await aFolder()
  await succeed(database.env, 'up', folder)
  const [before, people] = [await schemaOf(database), await authRowsOf(database)]
  const good =
    'create table canary (id int);\n--> statement-breakpoint\nalter table tasks add column canary int'
  const bad = `${good};\n--> statement-breakpoint\nselect 1 / 0`
  await addMigration(folder, bad, 'alter table tasks drop column canary')

  const { code, output } = await migrate(database.env, 'up', folder)
  expect(code, output).toBe(1)
  expect(output).toContain('division by zero')
  expect(await schemaOf(database)).toEqual(before)
  expect(await historyOf(database)).toEqual(NAMES)
  expect(await authRowsOf(database)).toEqual(people)

  await writeFile(join(folder, `${NEXT}.sql`), good)
  expect(await succeed(database.env, 'up', folder)).toContain(`Applied ${NEXT}.`)
  expect(await historyOf(database)).toEqual([...NAMES, NEXT])
})

test('a first migration that fails leaves nothing at all, not even a history', async () => {
  const database = await anEmptyDatabase()
  const before = await schemaOf(database)
  const folder = await aFolder()
  await appendFile(join(folder, `${FIRST}.sql`), '\n--> statement-breakpoint\nselect 1 / 0')
  expect((await migrate(database.env, 'up', folder)).code).toBe(1)
  expect(await schemaOf(database)).toEqual(before)
  expect(await database.rows(`select to_regclass('tasks_migrations') as history`)).toEqual([
    { history: null },
  ])
})

test('a way down that fails takes nothing back', async () => {
  const database = await anEmptyDatabase()
  const folder = await aFolder()
  const down = 'drop table canary;\n--> statement-breakpoint\ndrop table canary'
  await addMigration(folder, 'create table canary (id int)', down)
  await succeed(database.env, 'up', folder)
  const before = await schemaOf(database)
  expect((await migrate(database.env, 'down', folder)).code).toBe(1)
  expect(await schemaOf(database)).toEqual(before)
  expect(await historyOf(database)).toEqual([...NAMES, NEXT])
})

test('down takes the newest back, one at a time', async () => {
  const database = await anEmptyDatabase()
  const folder = await aFolder()
  await addMigration(folder, 'create table canary (id int)', 'drop table canary')
  expect(await succeed(database.env, 'up', folder)).toContain(`Applied ${[...NAMES, NEXT].join(', ')}.`)
  expect(await succeed(database.env, 'down', folder)).toContain(`Rolled back ${NEXT}.`)
  expect(await historyOf(database)).toEqual(NAMES)
  expect(await succeed(database.env, 'down', folder)).toContain(`Rolled back ${LAST}.`)
  expect(await historyOf(database)).toEqual(NAMES.slice(0, -1))
})

test.each(['up', 'down', 'status'])(
  '%s refuses a file that was edited after it was applied',
  async (command) => {
    const database = await anEmptyDatabase()
    const folder = await aFolder()
    await succeed(database.env, 'up', folder)
    const before = await schemaOf(database)
    await appendFile(join(folder, `${FIRST}.sql`), '\n-- canary')
    const { code, output } = await migrate(database.env, command, folder)
    expect(code).toBe(1)
    expect(output).toContain(`${FIRST} was edited`)
    expect(await schemaOf(database)).toEqual(before)
    expect(await historyOf(database)).toEqual(NAMES)
  },
)

test('of runners at once, one applies, and the database is as after one', async () => {
  const database = await anEmptyDatabase()
  await succeed(database.env, 'up')
  const alone = await schemaOf(database)
  await database.empty()

  const runs = await Promise.all(Array.from({ length: 4 }, () => migrate(database.env, 'up')))
  const applied = runs.filter(({ output }) => output.includes(APPLIED))
  expect(applied.map(({ code }) => code)).toEqual([0])
  expect(await schemaOf(database)).toEqual(alone)
  expect(await historyOf(database)).toEqual(NAMES)
  expect(await succeed(database.env, 'up')).toContain('Nothing to apply.')
})

test.each([
  [{}, /DATABASE_URL/],
  [{ DATABASE_URL: 'canary-database-password' }, /DATABASE_URL/],
  [{ DATABASE_URL: 'postgres://canary:canary-database-password@1.2.3.999/canary' }, /./],
  [{ DATABASE_URL: 'postgres://canary:canary-database-password@127.0.0.1/' }, /./],
  [{ DATABASE_URL: 'mysql://canary:canary-database-password@127.0.0.1/canary' }, /./],
])('a database URL that is none ends the run, and its password is not shown: %o', async (env, says) => {
  const { code, output } = await migrate({ NEON_FETCH_ENDPOINT: 'http://127.0.0.1:1/sql', ...env }, 'up')
  expect(code).toBe(1)
  expect(output).toMatch(says)
})

test('an unknown command ends with the ones there are', async () => {
  const database = await anEmptyDatabase()
  const { code, output } = await migrate(database.env, 'canary')
  expect(code).toBe(1)
  expect(output).toContain('up | down | status')
})

test('every migration of the journal has a way up and a way down', async () => {
  const files = (await readdir(DRIZZLE)).filter((name) => name.endsWith('.sql')).sort()
  expect(files).toEqual(entries.flatMap(({ tag }) => [`${tag}.down.sql`, `${tag}.sql`]).sort())
})
