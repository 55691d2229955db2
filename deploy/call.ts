import { parseArgs } from 'node:util'

/** A sentence for the person at the terminal, in place of a stack. */
export class Refusal extends Error {}

export interface Call {
  environment: string
  dryRun: boolean
  secretsFile?: string
}

export const ENVIRONMENTS = ['staging', 'production']

const OPTIONS = { 'dry-run': { type: 'boolean' }, 'secrets-file': { type: 'string' } } as const

/**
 * What is asked for. npm keeps an option for itself that stands before no `--`, and only tells of it as npm_config_*:
 * it counts as if it had been passed on, and what looks like one of ours misspelt is refused.
 */
export function readCall(args: string[], env: NodeJS.ProcessEnv): Call {
  const { values, positionals } = parse(args)
  const { npm_config_dry_run: dryRun, npm_config_secrets_file: secretsFile } = env
  const [environment = '', ...rest] = positionals
  const kept = Object.keys(env).find(
    (name) => /^npm_config_.*(dry|secret)/.test(name) && !KNOWN.includes(name),
  )
  if (kept)
    throw new Refusal(`there is no --${kept.slice('npm_config_'.length).replaceAll('_', '-')}. ${USAGE}`)
  // `--secrets-file name`: npm took the option, and passed its value on as one more word.
  if (secretsFile === 'true') throw new Refusal(`npm took --secrets-file for itself. ${USAGE}`)
  if (rest.length > 0 || !ENVIRONMENTS.includes(environment)) throw new Refusal(USAGE)
  const file = values['secrets-file'] ?? secretsFile
  return {
    environment,
    dryRun: Boolean(values['dry-run'] || dryRun === 'true'),
    ...(file && { secretsFile: file }),
  }
}

const KNOWN = ['npm_config_dry_run', 'npm_config_secrets_file']
const USAGE = 'Write `npm run deploy -- staging` or production, then --dry-run or --secrets-file FILE.'

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS })
  } catch (error) {
    const [reason] = (error as Error).message.split('. ')
    throw new Refusal(`${reason}. ${USAGE}`)
  }
}
