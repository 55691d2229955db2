import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import manifest from '../package.json' with { type: 'json' }
import { Refusal } from './call.ts'

/** For this run alone: wrangler's report, a dry run's bundle, the secrets on their way. */
export const folder = mkdtempSync(`${tmpdir()}/tasks-deploy-`)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const REPORT = `${folder}/report.ndjson`

/** What was deployed must be found again: by its commit. */
export function commit(): { tag: string; isClean: boolean } {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return { tag: git('rev-parse', '--short', 'HEAD'), isClean: git('status', '--porcelain') === '' }
  } catch {
    throw new Refusal('git finds no commit here; a version is found again by the commit that it came from.')
  }
}

export function run(command: string, ...args: string[]): void {
  console.log(`\n$ ${[command, ...args].join(' ')}`)
  const env = { ...process.env, WRANGLER_OUTPUT_FILE_PATH: REPORT, WRANGLER_SEND_METRICS: 'false' }
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env })
  if (error)
    throw new Refusal(`${command} cannot be started (${error.message}); \`npm run deploy\` finds it.`)
  if (status !== 0) throw new Refusal(`\`${[command, ...args].join(' ')}\` failed.`)
}

export function listSecrets(environment: string): string[] {
  const args = ['secret', 'list', '--env', environment, '--format', 'json']
  const { status, stdout, stderr } = spawnSync('wrangler', args, { encoding: 'utf8' })
  if (status === 0) return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)
  throw new Refusal(
    `wrangler cannot list the secrets. A first deploy needs --secrets-file; a later one a login (docs/operator.md).\n${stderr || stdout}`,
  )
}

interface Report {
  type: string
  targets?: string[]
}

const WELL = `${manifest.version}, ready`

/** The new version answers, and reaches its database; a name that is new may take a minute to be known. */
export async function look(environment: string): Promise<void> {
  const entries = readFileSync(REPORT, 'utf8').trim().split('\n')
  const deployed = entries.map((line) => JSON.parse(line) as Report).find(({ type }) => type === 'deploy')
  const targets = deployed?.targets?.join('\n') ?? ''
  const [, host] = /^(?:https:\/\/)?([a-z0-9-]+\.[a-z0-9.-]+)/m.exec(targets) ?? []
  const back = `To go back: npx wrangler rollback --env ${environment}`
  if (!host) return console.log(`wrangler named no address to look at. ${back}`)
  for (let attempt = 1; ; attempt += 1) {
    const seen = await ask(`https://${host}`).catch((error: Error) => error.message)
    console.log(`https://${host} ${seen}`)
    if (seen === WELL) return
    if (attempt === 12) throw new Refusal(`or rather deployed, and not well. ${back}`)
    await new Promise((resolve) => setTimeout(resolve, 5_000))
  }
}

async function ask(url: string): Promise<string> {
  const health = (await (await fetch(`${url}/health`)).json()) as { version: string }
  const ready = await fetch(`${url}/health/ready`)
  return `${health.version}, ${ready.ok ? 'ready' : await ready.text()}`
}
