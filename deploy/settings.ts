import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ENVIRONMENTS, Refusal } from './call.ts'

// By a computed name, as the Worker's types and Node's do not go into one program.
const { configure } = (await import(`${import.meta.dirname}/../src/env.ts`)) as {
  configure(env: Record<string, string>): {
    faults: string[]
    settings?: { RATE_LIMIT_READS: number; RATE_LIMIT_WRITES: number }
  }
}

/** Of wrangler's own reading of wrangler.toml, what is looked at here. */
export interface Config {
  name: string
  vars: Record<string, string>
  secrets?: { required?: string[] }
  ratelimits: { name: string; namespace_id: string; simple: { limit: number; period: number } }[]
}

export type Secrets = Record<string, string>

/** In place of those that only the platform knows. */
const UNKNOWN: Secrets = {
  DATABASE_URL: 'postgres://user@host/name',
  SESSION_HASH_SECRET: crypto.randomUUID(),
  UPSTASH_REDIS_REST_TOKEN: 'set',
}

/** All that is wrong with the settings of an environment, by the Worker's own rules and by what a deploy knows besides. */
export function settingsFaults(
  environment: string,
  configs: Map<string, Config>,
  secrets: Secrets = {},
): string[] {
  const config = configs.get(environment) as Config
  const { faults, settings } = configure({ ...UNKNOWN, ...config.vars, ...secrets })
  const found = [...faults]
  for (const [name, value] of Object.entries(config.vars)) {
    if (/\bexample\.(com|org|net)\b/.test(`${value}`))
      found.push(`${name}: still the example of wrangler.toml`)
  }
  for (const [binding, setting] of [
    ['READS', 'RATE_LIMIT_READS'],
    ['WRITES', 'RATE_LIMIT_WRITES'],
  ] as const) {
    const { limit, period } = config.ratelimits.find(({ name }) => name === binding)?.simple ?? {}
    if (settings && (limit !== settings[setting] || period !== 60)) {
      found.push(
        `${setting}: ${settings[setting]} a minute, but ${limit} in ${period} s for ${binding} in wrangler.toml`,
      )
    }
  }
  return [...found, ...sharedFaults(environment, configs)]
}

/** What tells the environments apart at the platforms; the database is compared where it is migrated. */
function sharedFaults(environment: string, configs: Map<string, Config>): string[] {
  const marks = ({ name, vars, ratelimits }: Config) => [
    `name = "${name}"`,
    `UPSTASH_REDIS_REST_URL = "${vars.UPSTASH_REDIS_REST_URL}"`,
    ...ratelimits.map(({ namespace_id }) => `namespace_id = "${namespace_id}"`),
  ]
  const own = new Set(marks(configs.get(environment) as Config))
  return ENVIRONMENTS.filter((other) => other !== environment).flatMap((other) =>
    marks(configs.get(other) as Config)
      .filter((mark) => own.has(mark))
      .map((mark) => `${mark}: the same in ${environment} and ${other}`),
  )
}

/** As `wrangler deploy` takes it, JSON or lines of NAME=value, but literally: `$` is a `$`. */
export function readSecrets(file: string): Secrets {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new Refusal(`the file ${file}, of --secrets-file, cannot be read.`)
  }
  if (!text.trimStart().startsWith('{')) return parseEnv(text) as Secrets
  try {
    return JSON.parse(text) as Secrets
  } catch {
    throw new Refusal(`the file ${file}, of --secrets-file, is no JSON.`)
  }
}

/** An environment that lacks a secret, with what to do about it in the way it was called. */
export function missingSecrets(
  environment: string,
  config: Config,
  named: string[],
  secretsFile?: string,
): string | undefined {
  const missing = (config.secrets?.required ?? []).filter((name) => !named.includes(name))
  if (missing.length === 0) return undefined
  const cure = secretsFile
    ? missing.map((name) => `add to ${secretsFile}: ${name}=…`)
    : missing.map((name) => `npx wrangler secret put ${name} --env ${environment}`)
  return `${environment} has no secret ${missing.join(', ')}:\n  ${cure.join('\n  ')}`
}
