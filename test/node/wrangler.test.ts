import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { unstable_readConfig } from 'wrangler'

// By a computed name, as the Worker's types and Node's do not go into one program.
const { configure } = (await import(`${import.meta.dirname}/../../src/env.ts`)) as {
  configure(env: Record<string, string>): { faults: string[]; settings?: { ENVIRONMENT: string } }
}

interface Config {
  name: string
  compatibility_date: string
  vars: Record<string, string>
  secrets?: { required?: string[] }
  ratelimits: { name: string; namespace_id: string; simple: { limit: number; period: number } }[]
  placement: object
  triggers: { crons: string[] }
  observability: object
  assets: { directory: string }
  preview_urls: boolean
}

/** wrangler's own reading of wrangler.toml, with all that it inherits and does not. */
const read = (env?: string): Config => unstable_readConfig({ config: 'wrangler.toml', env })

const development = read()
const deployed = ['staging', 'production'].map((name) => ({ name, config: read(name) }))
const source = readFileSync('src/env.ts', 'utf8')

/** The settings that the Worker knows, and what wrangler.toml must not hold of them. */
const NAMES = Array.from(source.matchAll(/^ {2}([A-Z_]+)\?: (string|RateLimit)$/gm), ([, name, type]) => ({
  name: name as string,
  isLimit: type === 'RateLimit',
}))
const SECRETS = ['DATABASE_URL', 'SESSION_HASH_SECRET', 'UPSTASH_REDIS_REST_TOKEN']
const OPTIONAL = [
  'SESSION_HASH_SECRET_PREVIOUS',
  'RATE_LIMIT_READS',
  'RATE_LIMIT_WRITES',
  'NEON_FETCH_ENDPOINT',
]

test.each(deployed)('$name declares everything that src/env.ts reads', ({ config }) => {
  expect(NAMES.length).toBeGreaterThan(10)
  const limits = config.ratelimits.map(({ name }) => name)
  expect(limits.toSorted()).toEqual(
    NAMES.filter(({ isLimit }) => isLimit)
      .map(({ name }) => name)
      .toSorted(),
  )
  const settings = [...Object.keys(config.vars), ...(config.secrets?.required ?? [])]
  const required = NAMES.filter(({ name, isLimit }) => !isLimit && !OPTIONAL.includes(name))
  expect(settings.toSorted()).toEqual(required.map(({ name }) => name).toSorted())
})

test.each(deployed)('$name lists its secrets, and holds the value of none', ({ config }) => {
  expect(config.secrets?.required).toEqual(SECRETS)
  for (const secret of [...SECRETS, 'SESSION_HASH_SECRET_PREVIOUS'])
    expect(config.vars).not.toHaveProperty(secret)
})

test.each(deployed)(
  '$name has settings that the Worker accepts, once it has its secrets',
  ({ name, config }) => {
    const { faults, settings } = configure({
      ...config.vars,
      DATABASE_URL: 'postgres://user:password@host/name',
      SESSION_HASH_SECRET: crypto.randomUUID(),
      UPSTASH_REDIS_REST_TOKEN: 'token',
    })
    expect(faults).toEqual([])
    expect(settings?.ENVIRONMENT).toBe(name)
  },
)

test.each(deployed)('$name limits at the platform as it does in Redis', ({ config }) => {
  const simple = Object.fromEntries(config.ratelimits.map(({ name, simple }) => [name, simple]))
  expect(simple).toMatchObject({ READS: { limit: 100, period: 60 }, WRITES: { limit: 30, period: 60 } })
  expect(config.ratelimits.map(({ name, simple }) => [name, simple])).toEqual(
    development.ratelimits.map(({ name, simple }) => [name, simple]),
  )
})

test.each(deployed)(
  '$name is placed near its database, purges by the hour and keeps its logs',
  ({ config }) => {
    expect(config.placement).toMatchObject({ region: expect.stringMatching(/^(aws|gcp|azure):/) })
    expect(config.triggers.crons).toEqual(['17 * * * *'])
    expect(config.observability).toMatchObject({ enabled: true, logs: { invocation_logs: false } })
    expect(config.assets.directory).toMatch(/public$/)
    expect(config.preview_urls).toBe(false)
    expect(config.compatibility_date).toBe(development.compatibility_date)
  },
)

test('no two environments share a name, an origin, a store or a counter', () => {
  const all = deployed.flatMap(({ config: { name, vars, ratelimits } }) => [
    name,
    ...`${vars.CORS_ORIGINS}`.split(','),
    vars.UPSTASH_REDIS_REST_URL,
    ...ratelimits.map(({ namespace_id }) => namespace_id),
  ])
  const local = [development.name, ...development.ratelimits.map(({ namespace_id }) => namespace_id)]
  expect(new Set([...all, ...local]).size).toBe(all.length + local.length)
})
