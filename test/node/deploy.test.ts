import { execFile, execFileSync } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'
import { readCall } from '../../deploy/call.ts'
import { differentDatabases } from '../../deploy/database.ts'
import { type Config, missingSecrets, readSecrets, settingsFaults } from '../../deploy/settings.ts'
import { startDatabase, type TestDatabase } from './database.ts'

/** `npm run deploy` against a database of the stand-in's and a `wrangler` and an `npm` that write down how they were called. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SECRET = '7Q$f9vK2xW$m4Zr8Tn1Lb6Yc3Hd5Js0Pg'

let folder: string
let database: TestDatabase

beforeAll(async () => {
  database = await startDatabase()
  await database.empty()
  folder = await mkdtemp(`${tmpdir()}/tasks-deploy-test-`)
  for (const name of ['deploy', 'deploy.ts', 'drizzle', 'src', 'package.json']) {
    await cp(`${ROOT}/${name}`, `${folder}/${name}`, { recursive: true })
  }
  const toml = await readFile(`${ROOT}/wrangler.toml`, 'utf8')
  await writeFile(`${folder}/wrangler.toml`, toml.replaceAll('example.com', 'canary.dev'))
  await symlink(`${ROOT}/node_modules`, `${folder}/node_modules`)
  await writeFile(`${folder}/.gitignore`, 'node_modules\ncalls\ncalling\nbin\n*.env\nuploaded.json\n')
  await mkdir(`${folder}/bin`)
  // What it was called with, and what it could have read in its environment.
  const stub = `#!/bin/sh
echo "$(basename "$0") $* | DATABASE_URL=$DATABASE_URL" >> "${folder}/calls"
if [ "$1" = secret ]; then echo "$STUB_SECRETS"; [ -n "$STUB_SECRETS" ]; exit $?; fi
if [ "$1 $7" = "deploy --secrets-file" ]; then cp "$8" "${folder}/uploaded.json"; fi
if [ "$1" = deploy ]; then echo '{"type":"deploy","targets":[]}' >> "$WRANGLER_OUTPUT_FILE_PATH"; fi
`
  for (const name of ['wrangler', 'npm']) {
    await writeFile(`${folder}/bin/${name}`, stub)
    await chmod(`${folder}/bin/${name}`, 0o755)
  }
  await writeFile(
    `${folder}/first.env`,
    `DATABASE_URL=${workerUrl()}\nSESSION_HASH_SECRET=${SECRET}\nUPSTASH_REDIS_REST_TOKEN="canary-token"\n`,
  )
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' })
  git('init', '-q')
  git('add', '.')
  git('-c', 'user.name=canary', '-c', 'user.email=canary@test', 'commit', '-q', '-m', 'canary')
})
afterAll(async () => {
  await database?.close()
  await rm(folder, { recursive: true, force: true })
})

/** The Worker's own role, of the same database. */
const workerUrl = () =>
  database.env.DATABASE_URL.replace(/\/\/[^:]+:[^@]+@/, '//worker:canary-database-password@')

interface Run {
  code: number
  output: string
  calls: string[]
}

async function deploy(args: string[], env: Record<string, string> = {}): Promise<Run> {
  await rm(`${folder}/calls`, { force: true })
  const run = await new Promise<Omit<Run, 'calls'>>((resolve) => {
    const options = {
      cwd: folder,
      env: {
        PATH: `${folder}/bin:${process.env.PATH}`,
        // wrangler is long to compile.
        NODE_COMPILE_CACHE: `${tmpdir()}/node-compile-cache`,
        DATABASE_URL: database.env.DATABASE_URL,
        NEON_FETCH_ENDPOINT: database.env.NEON_FETCH_ENDPOINT,
        ...env,
      },
    }
    execFile(process.execPath, ['deploy.ts', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    )
  })
  const { password } = new URL(database.env.DATABASE_URL)
  for (const secret of [password, 'canary-database-password']) expect(run.output).not.toContain(secret)
  expect(run.output).not.toMatch(/\n {4}at /)
  const calls = await readFile(`${folder}/calls`, 'utf8').catch(() => '')
  expect(calls).not.toMatch(/DATABASE_URL=./)
  return { ...run, calls: calls.split('\n').map((line) => line.replace(/ \|.*/, '')) }
}

test('a first deploy checks, says what it migrates, migrates, and uploads the secrets as they stand in the file', async () => {
  const { code, output, calls } = await deploy(['staging', '--secrets-file', 'first.env'], {
    // wrangler would put these in place of the file's.
    SESSION_HASH_SECRET: 'canary-of-the-shell',
  })
  expect(code, output).toBe(0)
  expect(output).toContain(`Migrating 127.0.0.1/tasks, as `)
  expect(output).toMatch(/Applied 0000_/)
  expect(calls[0]).toBe('npm run check')
  expect(calls[1]).toMatch(/^wrangler deploy --env staging --strict --tag [0-9a-f]{7,} --secrets-file /)
  expect(JSON.parse(await readFile(`${folder}/uploaded.json`, 'utf8'))).toEqual({
    DATABASE_URL: workerUrl(),
    SESSION_HASH_SECRET: SECRET,
    UPSTASH_REDIS_REST_TOKEN: 'canary-token',
  })

  const again = await deploy(['staging'], {
    STUB_SECRETS:
      '[{"name":"DATABASE_URL"},{"name":"SESSION_HASH_SECRET"},{"name":"UPSTASH_REDIS_REST_TOKEN"}]',
  })
  expect(again.code, again.output).toBe(0)
  expect(again.output).toContain('No migration was pending.')

  const other = await deploy(['production', '--secrets-file', 'first.env'])
  expect(other.code).toBe(1)
  expect(other.output).toContain('Not deployed: this is the database of staging')
  expect(other.calls.join()).not.toMatch(/wrangler deploy/)
})

test('a dry run builds what would be deployed, and asks nobody', async () => {
  const { code, output, calls } = await deploy(['production', '--dry-run'], { DATABASE_URL: '' })
  expect(code, output).toBe(0)
  expect(output).toContain('Before a real deploy: DATABASE_URL: that of the owner')
  expect(calls.filter(Boolean)).toEqual([
    'npm run check',
    expect.stringMatching(/^wrangler deploy --dry-run --env production --outdir /),
  ])
})

test('a deploy without a secret ends with how to set it, before anything has changed', async () => {
  const { code, output, calls } = await deploy(['staging'], { STUB_SECRETS: '[{"name":"DATABASE_URL"}]' })
  expect(code).toBe(1)
  expect(output).toContain('npx wrangler secret put SESSION_HASH_SECRET --env staging')
  expect(calls.join()).not.toMatch(/check|wrangler deploy/)
})

test('an unclean tree and a URL that is none are refused, both at once and before anything is asked', async () => {
  await writeFile(`${folder}/canary.txt`, '')
  const { code, output, calls } = await deploy(['staging'], {
    DATABASE_URL: 'mysql://canary-database-password',
  })
  await rm(`${folder}/canary.txt`)
  expect(code).toBe(1)
  expect(output).toContain('git: the tree has changes')
  expect(output).toContain('DATABASE_URL: a postgres URL')
  expect(calls.filter(Boolean)).toEqual([])
})

/** Through npm itself, which keeps options for itself. */
function call(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, HOME: `${folder}/calling` }
    execFile('npm', ['run', '-s', 'deploy', ...args], { cwd: `${folder}/calling`, env }, (_, stdout) =>
      resolve(stdout.trim()),
    )
  })
}

test('--dry-run is one in each of its spellings, and so is no option that npm took and nobody understood', async () => {
  await mkdir(`${folder}/calling`)
  const script = `import { readCall } from '${ROOT}/deploy/call.ts'
    try { console.log(JSON.stringify(readCall(process.argv.slice(2), process.env))) } catch (error) { console.log(error.message) }`
  await writeFile(`${folder}/calling/call.ts`, script)
  await writeFile(
    `${folder}/calling/package.json`,
    `{"type":"module","scripts":{"deploy":"'${process.execPath}' call.ts"}}`,
  )
  const spellings = [
    ['production', '--dry-run'],
    ['--dry-run', 'production'],
    ['production', '--', '--dry-run'],
    ['--', '--dry-run', 'production'],
  ]
  for (const spelling of spellings) {
    expect(JSON.parse(await call(...spelling)), spelling.join(' ')).toEqual({
      environment: 'production',
      dryRun: true,
    })
  }
  expect(await call('production', '--dryrun')).toMatch(/^there is no --dryrun\. Write /)
  expect(await call('production', '--secrets-file', 'first.env')).toMatch(
    /^npm took --secrets-file for itself/,
  )
  expect(JSON.parse(await call('production', '--secrets-file=first.env'))).toEqual({
    environment: 'production',
    dryRun: false,
    secretsFile: 'first.env',
  })
})

test.each([
  [[], /^Write `npm run deploy -- staging`/],
  [['development'], /^Write/],
  [['staging', 'production'], /^Write/],
  [['staging', '--canary'], /^Unknown option '--canary'\. Write/],
  [['staging', '--dry-run=yes'], /does not take an argument/],
  [['staging', '--secrets-file'], /argument missing/],
])('a call that is none is one sentence: %o', (args, says) => {
  expect(() => readCall(args, {})).toThrow(says)
})

const configs = () =>
  new Map(
    ['staging', 'production'].map((env) => [
      env,
      structuredClone(unstable_readConfig({ config: 'wrangler.toml', env })) as unknown as Config,
    ]),
  )

/** wrangler.toml as an operator has filled it in, but for one change. */
function faultsWith(
  change: (own: Config, other: Config) => void,
  secrets?: Record<string, string>,
): string[] {
  const all = configs()
  for (const [name, { vars }] of all) {
    vars.CORS_ORIGINS = `https://${name}.canary.dev`
    vars.UPSTASH_REDIS_REST_URL = `https://${name}.upstash.canary.dev`
  }
  change(all.get('production') as Config, all.get('staging') as Config)
  return settingsFaults('production', all, secrets)
}

test('settings of one’s own have no fault', () => {
  expect(faultsWith(() => {})).toEqual([])
})

test.each<[string, RegExp, (own: Config, other: Config) => void]>([
  [
    'an example',
    /^CORS_ORIGINS: still the example/,
    ({ vars }) => (vars.CORS_ORIGINS = 'https://app.example.com'),
  ],
  ['a setting of no use', /^CORS_ORIGINS: origins such as/, ({ vars }) => (vars.CORS_ORIGINS = '*')],
  [
    'a limit without its binding’s',
    /^RATE_LIMIT_READS: 200 a minute, but 100/,
    ({ vars }) => (vars.RATE_LIMIT_READS = '200'),
  ],
  [
    'a binding without its limit',
    /^RATE_LIMIT_WRITES: 30 a minute, but 3/,
    ({ ratelimits }) => {
      for (const { name, simple } of ratelimits) if (name === 'WRITES') simple.limit = 3
    },
  ],
  [
    'a Redis of both environments',
    /^UPSTASH_REDIS_REST_URL = .*: the same in production and staging$/,
    (own, other) => (other.vars.UPSTASH_REDIS_REST_URL = own.vars.UPSTASH_REDIS_REST_URL as string),
  ],
  ['one Worker for both', /^name = .*: the same/, (own, other) => (other.name = own.name)],
  [
    'one counter for both',
    /^namespace_id = .*: the same/,
    (own, other) => other.ratelimits.push(...own.ratelimits.slice(0, 1)),
  ],
])('%s stops a deploy', (_, says, change) => {
  expect(faultsWith(change)).toEqual([expect.stringMatching(says)])
})

test('the values of a secrets file are held to the Worker’s rules, and not repeated', () => {
  const faults = faultsWith(() => {}, {
    DATABASE_URL: 'canary',
    SESSION_HASH_SECRET: 'canary',
    UPSTASH_REDIS_REST_TOKEN: '',
  })
  for (const name of ['DATABASE_URL', 'SESSION_HASH_SECRET', 'UPSTASH_REDIS_REST_TOKEN'])
    expect(faults).toContainEqual(expect.stringMatching(`^${name}: `))
  expect(faults.join()).not.toMatch(/canary/)
})

test('a secrets file that lacks one, is none or is not there ends in a sentence', async () => {
  const config = configs().get('staging') as Config
  expect(missingSecrets('staging', config, ['DATABASE_URL', 'UPSTASH_REDIS_REST_TOKEN'], 'my.env')).toBe(
    'staging has no secret SESSION_HASH_SECRET:\n  add to my.env: SESSION_HASH_SECRET=…',
  )
  expect(() => readSecrets(`${folder}/none.env`)).toThrow(/cannot be read/)
  await writeFile(`${folder}/bad.env`, '{"canary":')
  expect(() => readSecrets(`${folder}/bad.env`)).toThrow(/is no JSON/)
})

test('the Worker’s DATABASE_URL is that of the migrated database, by another role', () => {
  const owner = 'postgres://owner:canary@ep-a.neon.tech/tasks'
  expect(differentDatabases(owner, 'postgres://worker:canary@ep-a-pooler.neon.tech/tasks')).toEqual([])
  expect(differentDatabases(owner, 'postgres://worker:canary@ep-b.neon.tech/tasks')).toEqual([
    expect.stringMatching(/^DATABASE_URL: ep-a\.neon\.tech\/tasks, but ep-b/),
  ])
  expect(differentDatabases(owner, owner)).toEqual([expect.stringMatching(/the owner/)])
})
