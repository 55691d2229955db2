import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { neon } from '@neondatabase/serverless'
import { unstable_readConfig } from 'wrangler'
import { up } from './drizzle/migrate.ts'
import manifest from './package.json' with { type: 'json' }

/**
 * `npm run deploy -- staging`: is everything there? then check, migrate, deploy, and look at what answers.
 * It stops at the first thing that is not right; up to the migration, nothing has changed by then.
 *
 *   DATABASE_URL     the environment's own, for the migration; never read from .dev.vars
 *   --dry-run        builds and checks; asks and changes nothing outside this machine
 *   --secrets-file   for the first deploy of all, as `wrangler deploy` takes it
 */

// By a computed name, as the Worker's types and Node's do not go into one program.
const { configure } = (await import(`${import.meta.dirname}/src/env.ts`)) as {
  configure(env: Record<string, string>): { faults: string[] }
}

const ENVIRONMENTS = ['staging', 'production']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'dry-run': { type: 'boolean', default: false }, 'secrets-file': { type: 'string' } },
})
const [environment = ''] = positionals
const dryRun = values['dry-run']
const secretsFile = values['secrets-file']

function stop(why: string): never {
  console.error(`Not deployed: ${why}`)
  process.exit(1)
}

if (positionals.length !== 1 || !ENVIRONMENTS.includes(environment)) {
  stop(`name one of ${ENVIRONMENTS.join(', ')}, as in \`npm run deploy -- staging\`.`)
}

const config = unstable_readConfig({ config: 'wrangler.toml', env: environment })
const databaseUrl = process.env.DATABASE_URL ?? ''

/** The Worker's own rules, on all but the secrets that only the platform knows. */
function checkSettings(): void {
  const { faults } = configure({
    ...(config.vars as Record<string, string>),
    DATABASE_URL: databaseUrl || 'postgres://user@host/name',
    SESSION_HASH_SECRET: crypto.randomUUID(),
    UPSTASH_REDIS_REST_TOKEN: 'set',
  })
  const examples = Object.entries(config.vars).filter(([, value]) =>
    /\bexample\.(com|org|net)\b/.test(`${value}`),
  )
  for (const [name] of examples) faults.push(`${name}: still the example of wrangler.toml`)
  if (faults.length > 0 && !dryRun) stop(`settings of ${environment}:\n  ${faults.join('\n  ')}`)
  for (const fault of faults) console.log(`Before a real deploy: ${fault}`)
  if (!databaseUrl && !dryRun) stop(`set DATABASE_URL to that of ${environment}.`)
}

/** What was deployed must be found again: by its commit. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  if (!dryRun && git('status', '--porcelain')) stop('commit first: the tree has changes.')
  return git('rev-parse', '--short', 'HEAD')
}

function checkSecrets(): void {
  const named = secretsFile ? Object.keys(parseSecrets(readFileSync(secretsFile, 'utf8'))) : listSecrets()
  const required: string[] = config.secrets?.required ?? []
  const missing = required.filter((name) => !named.includes(name))
  if (missing.length > 0) {
    const how = missing.map((name) => `npx wrangler secret put ${name} --env ${environment}`).join('\n  ')
    stop(`${environment} has no secret ${missing.join(', ')}:\n  ${how}`)
  }
}

function parseSecrets(text: string): object {
  if (text.trimStart().startsWith('{')) return JSON.parse(text) as object
  return Object.fromEntries(Array.from(text.matchAll(/^\s*([A-Z_]+)\s*=/gm), ([, name]) => [name, true]))
}

function listSecrets(): string[] {
  const args = ['secret', 'list', '--env', environment, '--format', 'json']
  const { status, stdout, stderr } = spawnSync('wrangler', args, { encoding: 'utf8' })
  if (status === 0) return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)
  return stop(`wrangler cannot list the secrets (a first deploy needs --secrets-file):\n${stderr || stdout}`)
}

function run(command: string, ...args: string[]): void {
  console.log(`\n$ ${[command, ...args].join(' ')}`)
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...outputFile } })
  if (status !== 0) stop(`${command} failed.`)
}

/** The auth server owns these tables; without them every request would be a 503. */
async function migrate(): Promise<void> {
  const sql = neon(databaseUrl)
  await sql.query('select token_hash, user_id, expires_at, revoked from user_sessions limit 0')
  await sql.query('select id from users limit 0')
  const names = await up({ databaseUrl })
  console.log(names.length > 0 ? `Applied ${names.join(', ')}.` : 'No migration was pending.')
}

const folder = mkdtempSync(`${tmpdir()}/tasks-deploy-`)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const outputFile = { WRANGLER_OUTPUT_FILE_PATH: `${folder}/output.ndjson`, WRANGLER_SEND_METRICS: 'false' }

interface Deployed {
  type: string
  version_id?: string
  targets?: string[]
}

/** The new version answers, and reaches its database; a name that is new may take a minute to be known. */
async function look(): Promise<void> {
  const entries = readFileSync(outputFile.WRANGLER_OUTPUT_FILE_PATH, 'utf8').trim().split('\n')
  const deployed = entries.map((line) => JSON.parse(line) as Deployed).find(({ type }) => type === 'deploy')
  const [, host] =
    /^(?:https:\/\/)?([a-z0-9-]+\.[a-z0-9.-]+)/m.exec(deployed?.targets?.join('\n') ?? '') ?? []
  const back = `To go back: npx wrangler rollback --env ${environment}`
  if (!host) return console.log(`wrangler named no address to look at. ${back}`)
  for (let attempt = 1; ; attempt += 1) {
    const seen = await ask(`https://${host}`).catch((error: Error) => error.message)
    console.log(`https://${host} ${seen}`)
    if (seen === WELL) return
    if (attempt === 12) stop(`or rather deployed, and not well. ${back}`)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
  }
}

const WELL = `${manifest.version}, ready`

async function ask(url: string): Promise<string> {
  const health = (await (await fetch(`${url}/health`)).json()) as { version: string }
  const ready = await fetch(`${url}/health/ready`)
  return `${health.version}, ${ready.ok ? 'ready' : await ready.text()}`
}

checkSettings()
const tag = commit()
if (!dryRun) checkSecrets()
run('npm', 'run', 'check')
if (dryRun) {
  run('wrangler', 'deploy', '--dry-run', '--env', environment, '--outdir', `${folder}/bundle`)
} else {
  await migrate().catch((error: Error) => stop(`the migration: ${error.message}`))
  const secrets = secretsFile ? ['--secrets-file', secretsFile] : []
  run('wrangler', 'deploy', '--env', environment, '--strict', '--tag', tag, ...secrets)
  await look()
}
