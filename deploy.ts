// First of all imports: it takes the owner's URL out of the environment.

import { writeFileSync } from 'node:fs'
import { ENVIRONMENTS, Refusal, readCall } from './deploy/call.ts'
import { differentDatabases, migrate } from './deploy/database.ts'
import { databaseUrl } from './deploy/owner.ts'
import { commit, folder, listSecrets, look, run } from './deploy/platform.ts'
import { type Config, missingSecrets, readSecrets, settingsFaults } from './deploy/settings.ts'

/**
 * `npm run deploy -- staging`: is everything there? then check, migrate, deploy, and look at what answers.
 * It stops at the first thing that is not right; up to the migration, nothing has changed by then.
 *
 *   DATABASE_URL     the environment's own, of the owner of its tables; for the migration alone
 *   --dry-run        builds and checks; asks and changes nothing outside this machine
 *   --secrets-file   for the first deploy of all: what the Worker is to know, as `wrangler deploy` takes it
 */
async function deploy(): Promise<void> {
  const { environment, dryRun, secretsFile } = readCall(process.argv.slice(2), process.env)
  console.log(`${dryRun ? 'Dry run' : 'Deploy'}: ${environment}`)
  const configs = await readConfigs()
  const config = configs.get(environment) as Config

  const secrets = secretsFile ? readSecrets(secretsFile) : undefined
  const faults = settingsFaults(environment, configs, {
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
    ...secrets,
  })
  if (!databaseUrl)
    faults.push(`DATABASE_URL: that of the owner of ${environment}'s tables, for the migration`)
  const { tag, isClean } = commit()
  if (!isClean) faults.push('git: the tree has changes; commit first')
  if (faults.length === 0 && secrets?.DATABASE_URL) {
    faults.push(...differentDatabases(databaseUrl, secrets.DATABASE_URL))
  }
  if (faults.length > 0 && !dryRun) throw new Refusal(`${environment}:\n  ${faults.join('\n  ')}`)
  for (const fault of faults) console.log(`Before a real deploy: ${fault}`)

  if (secrets || !dryRun) {
    const named = secrets ? Object.keys(secrets) : listSecrets(environment)
    const missing = missingSecrets(environment, config, named, secretsFile)
    if (missing) throw new Refusal(missing)
  }
  run('npm', 'run', 'check')
  if (dryRun)
    return run('wrangler', 'deploy', '--dry-run', '--env', environment, '--outdir', `${folder}/bundle`)
  await migrate(environment, databaseUrl, process.env.NEON_FETCH_ENDPOINT)
  run('wrangler', 'deploy', '--env', environment, '--strict', '--tag', tag, ...upload(secrets))
  await look(environment)
}

/** Loaded late, as it is slow: a call that nobody understands is told so at once. */
async function readConfigs(): Promise<Map<string, Config>> {
  const { unstable_readConfig } = await import('wrangler')
  const read = (env: string) => unstable_readConfig({ config: 'wrangler.toml', env }) as unknown as Config
  return new Map(ENVIRONMENTS.map((name) => [name, read(name)]))
}

/** As JSON: in lines of NAME=value, wrangler puts this shell's variables in place of the file's. */
function upload(secrets?: Record<string, string>): string[] {
  if (!secrets) return []
  const file = `${folder}/secrets.json`
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 })
  return ['--secrets-file', file]
}

deploy().catch((error: Error) => {
  console.error(`Not deployed: ${error.message}`)
  process.exitCode = 1
})
