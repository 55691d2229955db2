import * as z from 'zod/mini'

/** What wrangler.toml, the secrets and .dev.vars hand to the Worker. Read settings through `configure`. */
export interface Env {
  ENVIRONMENT?: string
  DATABASE_URL?: string
  NEON_FETCH_ENDPOINT?: string
  SESSION_HASH_SECRET?: string
  SESSION_HASH_SECRET_PREVIOUS?: string
  UPSTASH_REDIS_REST_URL?: string
  UPSTASH_REDIS_REST_TOKEN?: string
  CORS_ORIGINS?: string
  RATE_LIMIT_READS?: string
  RATE_LIMIT_WRITES?: string
  /** The platform's own rate limits, counted per location: wrangler.toml, `ratelimits`. */
  READS?: RateLimit
  WRITES?: RateLimit
}

export type Settings = z.output<typeof Settings>

/** `faults` says which setting breaks which rule, never its value; with any, `settings` is absent. */
export interface Configuration {
  settings?: Settings
  faults: string[]
  origins: readonly string[]
}

const ENVIRONMENTS = ['development', 'staging', 'production']
const DEVELOPMENT_ORIGINS = ['http://localhost:3000', 'http://localhost', 'http://127.0.0.1:3000']
const PLACEHOLDER = /change.?me|example|placeholder|your.?secret|secret.?here|local.development|(.)\1{15}/i
/** Of 32 random hexadecimal digits some 14 differ; of what a hand types to be done with it, few. */
const MIN_DIFFERENT = 8
const isPlaceholder = (secret: string) => PLACEHOLDER.test(secret) || new Set(secret).size < MIN_DIFFERENT

const text = (holds: (value: string) => boolean, error: string) =>
  z.string(error).check(z.refine(holds, error))
/** `URL.parse` would cut white space off, or out; the clients that are handed the same text do not. */
const isUrl = (value: string, protocols: string[], holds: (url: URL) => boolean = () => true) => {
  const url = /\s/.test(value) ? null : URL.parse(value)
  return url !== null && protocols.includes(url.protocol) && holds(url)
}
/** As the driver reads it: by the rules of http, which know a bad host or port where those of postgres do not. */
const isDatabaseUrl = (value: string) =>
  /^postgres(ql)?:/.test(value) &&
  isUrl(value.replace(/^\w+:/, 'http:'), ['http:'], (url) =>
    Boolean(url.username && url.hostname && url.pathname.length > 1),
  )
const HttpUrl = text((value) => isUrl(value, ['http:', 'https:']), 'an http(s) URL without white space')
const Secret = text(
  (value) => [...value].length >= 32 && value.trim() === value,
  'at least 32 characters, the first and the last of them no white space',
)
const PerMinute = z.pipe(
  text((value) => /^[1-9]\d{0,5}$/.test(value), 'a whole number from 1 to 999999'),
  z.transform(Number),
)

const Settings = z.object({
  ENVIRONMENT: z._default(
    text((value) => ENVIRONMENTS.includes(value), 'development, staging or production'),
    'development',
  ),
  // The driver puts the whole URL, password included, into the error of a bad one: it must never see one.
  DATABASE_URL: text(isDatabaseUrl, 'a postgres URL with user, host and database, without white space'),
  NEON_FETCH_ENDPOINT: z.optional(HttpUrl),
  SESSION_HASH_SECRET: Secret,
  SESSION_HASH_SECRET_PREVIOUS: z.optional(Secret),
  UPSTASH_REDIS_REST_URL: HttpUrl,
  UPSTASH_REDIS_REST_TOKEN: text((value) => !/\s/.test(value), 'a token without white space'),
  RATE_LIMIT_READS: z._default(PerMinute, 100),
  RATE_LIMIT_WRITES: z._default(PerMinute, 30),
})

/** The browser origins that may call: exact, so no wildcard and no path. Undefined when the setting is bad. */
function parseOrigins(environment: string, list: unknown): readonly string[] | undefined {
  const development = environment === 'development' ? DEVELOPMENT_ORIGINS : []
  if (list === undefined && development.length > 0) return development
  if (typeof list !== 'string') return undefined
  const protocols = environment === 'production' ? ['https:'] : ['https:', 'http:']
  const isOrigin = (text: string) =>
    !text.includes('*') && isUrl(text, protocols, (url) => url.origin === text)
  const origins = list.split(',').map((origin) => origin.trim())
  return origins.every(isOrigin) ? [...development, ...origins] : undefined
}

function parse(env: Env): Configuration {
  // wrangler.toml may hold a number as a number.
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === '' ? [] : [[name, typeof value === 'number' ? `${value}` : value]],
    ),
  )
  const result = Settings.safeParse(given)
  const faults = result.error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? []
  const environment = env.ENVIRONMENT || 'development'
  const origins = parseOrigins(environment, given.CORS_ORIGINS)
  if (!origins) faults.push('CORS_ORIGINS: origins such as https://app.example.com, separated by commas')
  if (environment === 'production') {
    if (given.NEON_FETCH_ENDPOINT) faults.push('NEON_FETCH_ENDPOINT: not in production')
    if (/^http:/i.test(`${given.UPSTASH_REDIS_REST_URL}`)) {
      faults.push('UPSTASH_REDIS_REST_URL: https in production')
    }
  }
  // A bare `wrangler deploy` is a development on Neon itself.
  const local = environment === 'development' && given.NEON_FETCH_ENDPOINT !== undefined
  for (const name of ['SESSION_HASH_SECRET', 'SESSION_HASH_SECRET_PREVIOUS'] as const) {
    const secret = given[name]
    if (!local && typeof secret === 'string' && isPlaceholder(secret)) {
      faults.push(`${name}: a secret of your own, such as openssl rand -hex 32 prints`)
    }
  }
  return { settings: faults.length === 0 ? result.data : undefined, faults, origins: origins ?? [] }
}

// Lives as long as the isolate, which has one env: settings are parsed once.
const configurations = new WeakMap<Env, Configuration>()

/** The settings of this env, by the rules of the README's table. Never throws. */
export function configure(env: Env): Configuration {
  let configuration = configurations.get(env)
  if (!configuration) {
    configuration = parse(env)
    configurations.set(env, configuration)
  }
  return configuration
}
