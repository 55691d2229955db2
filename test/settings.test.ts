import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Env } from '../src/env.ts'
import { apiWith, envWith } from './faults.ts'
import { aSession, aUser, expectProblem } from './support.ts'
import { logged } from './watch.ts'

/** A production that is as it should be; the stand-in is reached all the same, by the driver's own setting. */
const PRODUCTION = {
  ENVIRONMENT: 'production',
  NEON_FETCH_ENDPOINT: '',
  UPSTASH_REDIS_REST_URL: 'https://127.0.0.1:1',
  CORS_ORIGINS: 'https://canary.example',
}

const STAND_IN = env.UPSTASH_REDIS_REST_URL
const SECRET = 'canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0'

/** What no rule allows: the setting, the value (undefined for none at all), and what else is set. */
const broken: [name: keyof Env, value: unknown, what: string, others?: object][] = [
  ['ENVIRONMENT', 'canary', 'another name'],
  ['ENVIRONMENT', 'Production', 'another case'],
  ['ENVIRONMENT', 'prod', 'a short form'],
  ['DATABASE_URL', undefined, 'nothing'],
  ['DATABASE_URL', '', 'an empty text'],
  ['DATABASE_URL', 'canary', 'no URL'],
  ['DATABASE_URL', 'mysql://canary:canary-password@canary.example/canary', 'another protocol'],
  ['DATABASE_URL', 'https://canary:canary-password@canary.example/canary', 'a web page'],
  ['DATABASE_URL', 'postgres://canary:canary-password@/canary', 'no host'],
  ['DATABASE_URL', 'postgres://canary.example/canary', 'no user'],
  ['DATABASE_URL', 'postgres://canary:canary-password@canary.example', 'no database'],
  ['DATABASE_URL', 'postgres://canary:canary-password@canary.example/', 'no database but a slash'],
  ['DATABASE_URL', 'postgres://canary:canary-password@[canary]/canary', 'a host in brackets'],
  ['DATABASE_URL', 'postgres://canary:canary-password@1.2.3.999/canary', 'an address that is none'],
  ['DATABASE_URL', 'postgres://canary:canary-password@canary.example:99999/canary', 'a port that is none'],
  ['DATABASE_URL', "psql 'postgres://canary:canary-password@canary.example/canary'", 'a command line'],
  ['DATABASE_URL', ' postgres://canary:canary-password@canary.example/canary', 'a space before it'],
  ['DATABASE_URL', 'postgres://canary:canary-password@canary.example/canary\n', 'a newline after it'],
  ['DATABASE_URL', 'postgres://canary:canary\tpassword@canary.example/canary', 'a tab inside'],
  ['SESSION_HASH_SECRET', undefined, 'nothing'],
  ['SESSION_HASH_SECRET', '', 'an empty text'],
  ['SESSION_HASH_SECRET', 'canary-of-31-characters-0123456', '31 characters'],
  ['SESSION_HASH_SECRET', '🐤'.repeat(31), '31 characters that are 62 units'],
  ['SESSION_HASH_SECRET', 'canary-change-me-change-me-change-me', 'a placeholder', PRODUCTION],
  ['SESSION_HASH_SECRET', 'canary-changeme-0123456789-0123456789', 'a placeholder', PRODUCTION],
  [
    'SESSION_HASH_SECRET',
    'local-development-secret-for-session-hashes',
    'that of .dev.vars.example',
    PRODUCTION,
  ],
  ['SESSION_HASH_SECRET', 'x'.repeat(32), 'one character again and again', PRODUCTION],
  ['SESSION_HASH_SECRET', 'canary7'.repeat(6), 'few different characters', PRODUCTION],
  ['SESSION_HASH_SECRET', `${SECRET}\n`, 'a newline after it'],
  ['SESSION_HASH_SECRET', `\u3000${SECRET}`, 'white space before it'],
  ['SESSION_HASH_SECRET', `${'c'.repeat(31)} `, '31 characters and a space'],
  [
    'SESSION_HASH_SECRET',
    'local-development-secret-for-session-hashes',
    'that of .dev.vars.example, on a database of its own in development',
    { NEON_FETCH_ENDPOINT: '' },
  ],
  [
    'SESSION_HASH_SECRET_PREVIOUS',
    'local-development-secret-for-session-hashes',
    'that of .dev.vars.example, on a database of its own without any ENVIRONMENT',
    { NEON_FETCH_ENDPOINT: undefined, ENVIRONMENT: undefined },
  ],
  [
    'SESSION_HASH_SECRET',
    'canary-your-secret-here-0123456789',
    'a placeholder',
    { ...PRODUCTION, ENVIRONMENT: 'staging' },
  ],
  ['SESSION_HASH_SECRET_PREVIOUS', 'canary-short', '12 characters'],
  ['SESSION_HASH_SECRET_PREVIOUS', 'canary-change-me-change-me-change-me', 'a placeholder', PRODUCTION],
  ['UPSTASH_REDIS_REST_URL', undefined, 'nothing'],
  ['UPSTASH_REDIS_REST_URL', 'canary.upstash.example', 'no protocol'],
  ['UPSTASH_REDIS_REST_URL', 'redis://canary:canary-password@canary.example:6379', "Redis's own protocol"],
  ['UPSTASH_REDIS_REST_URL', 'https://canary.upstash.example ', 'a space after it'],
  ['UPSTASH_REDIS_REST_URL', 'https://canary.upstash.example\n', 'a newline after it'],
  ['UPSTASH_REDIS_REST_URL', 'http://canary.upstash.example', 'http in production', PRODUCTION],
  ['UPSTASH_REDIS_REST_URL', 'HTTP://canary.upstash.example', 'HTTP in production', PRODUCTION],
  ['UPSTASH_REDIS_REST_TOKEN', undefined, 'nothing'],
  ['UPSTASH_REDIS_REST_TOKEN', 'canary-token\n', 'a newline after it'],
  ['UPSTASH_REDIS_REST_TOKEN', 'canary token', 'a space inside'],
  ['UPSTASH_REDIS_REST_TOKEN', '', 'an empty text'],
  ['CORS_ORIGINS', undefined, 'nothing', PRODUCTION],
  ['CORS_ORIGINS', '', 'an empty text', PRODUCTION],
  ['CORS_ORIGINS', ' ', 'a space', PRODUCTION],
  ['CORS_ORIGINS', undefined, 'nothing', { ...PRODUCTION, ENVIRONMENT: 'staging' }],
  ['CORS_ORIGINS', '*', 'a wildcard', PRODUCTION],
  ['CORS_ORIGINS', '*', 'a wildcard', { ...PRODUCTION, ENVIRONMENT: 'staging' }],
  ['CORS_ORIGINS', 'https://canary.example,*', 'a wildcard beside an origin', PRODUCTION],
  ['CORS_ORIGINS', 'https://*.canary.example', 'a wildcard in a host', PRODUCTION],
  ['CORS_ORIGINS', 'https://canary.example/', 'a slash', PRODUCTION],
  ['CORS_ORIGINS', 'https://canary.example/app', 'a path', PRODUCTION],
  ['CORS_ORIGINS', 'https://canary.example?canary', 'a query', PRODUCTION],
  ['CORS_ORIGINS', 'http://canary.example', 'http in production', PRODUCTION],
  ['CORS_ORIGINS', 'https://canary.example,http://localhost:3000', 'http beside https', PRODUCTION],
  ['CORS_ORIGINS', 'canary.example', 'no protocol', PRODUCTION],
  ['CORS_ORIGINS', 'null', 'null', PRODUCTION],
  ['CORS_ORIGINS', 'https://canary:canary@canary.example', 'a user', PRODUCTION],
  ['CORS_ORIGINS', ['https://canary.example'], 'a list, as wrangler.toml can hold', PRODUCTION],
  ['CORS_ORIGINS', '*', 'a wildcard in development'],
  ['CORS_ORIGINS', 'http://localhost:5173/', 'a slash in development'],
  ['RATE_LIMIT_READS', '0', '0'],
  ['RATE_LIMIT_READS', '-1', 'a negative number'],
  ['RATE_LIMIT_READS', 'canary', 'no number'],
  ['RATE_LIMIT_READS', '1e3', 'an exponent'],
  ['RATE_LIMIT_READS', '1.5', 'a fraction'],
  ['RATE_LIMIT_READS', 'Infinity', 'no limit'],
  ['RATE_LIMIT_WRITES', '0', '0'],
  ['RATE_LIMIT_WRITES', ' 30', 'a space'],
  ['RATE_LIMIT_WRITES', '30/minute', 'a unit'],
  ['NEON_FETCH_ENDPOINT', 'http://127.0.0.1:1/canary', 'any in production', { ...PRODUCTION }],
  ['NEON_FETCH_ENDPOINT', 'canary', 'no URL'],
  ['NEON_FETCH_ENDPOINT', 'http://127.0.0.1:1/canary ', 'a space after it'],
]

describe.each(broken)('with %s %j (%s)', (name, value, _, others = {}) => {
  const bindings = () => envWith({ ...others, [name]: value } as Env)

  test('every request but /health answers 503', async () => {
    const user = await aUser()
    const api = apiWith(bindings(), user.token)
    for (const [method, path, body] of [
      ['GET', '/'],
      ['GET', '/health/ready'],
      ['GET', '/tasks'],
      ['POST', '/tasks', { title: 'canary' }],
      ['DELETE', '/tasks/1'],
      ['POST', '/tasks/bulk-delete', { task_ids: [1] }],
      ['PUT', '/tasks'],
      ['GET', '/canary'],
    ] as const) {
      const response = await api(method, path, body)
      expect(response.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
      const problem = await expectProblem(response, 503, 'service_unavailable')
      expect(problem.title).toBe('Service unavailable')
      expect(JSON.stringify(problem)).not.toContain(name)
    }
    for (const path of ['/health', '/health/']) {
      const response = await api('GET', path)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ status: 'ok' })
    }
    expect((await api('HEAD', '/health')).status).toBe(200)
  })

  test('the log names the setting and the rule, never the value', async () => {
    const text = (await logged(() => apiWith(bindings())('GET', '/tasks'))).join('\n')
    expect(text).toMatch(new RegExp(`${name}: \\w`))
    if (typeof value === 'string' && value.trim().length > 4) expect(text).not.toContain(value)
    expect(text).not.toContain('canary')
  })
})

describe('is served with', () => {
  test.each<[what: string, settings: Env]>([
    ['what a production needs', PRODUCTION],
    [
      'two origins and spaces around them',
      { ...PRODUCTION, CORS_ORIGINS: ' https://a.example , https://b.example:8443 ' },
    ],
    [
      'http origins in staging',
      { ...PRODUCTION, ENVIRONMENT: 'staging', CORS_ORIGINS: 'http://canary.example' },
    ],
    ['no ENVIRONMENT, which is development', { ENVIRONMENT: undefined as never }],
    [
      'a postgresql: URL',
      { DATABASE_URL: `${env.DATABASE_URL.replace('postgres:', 'postgresql:')}?sslmode=require` },
    ],
    ['limits of its own', { RATE_LIMIT_READS: '999999', RATE_LIMIT_WRITES: '1' }],
    [
      'empty texts for what is optional',
      { SESSION_HASH_SECRET_PREVIOUS: '', RATE_LIMIT_READS: '', CORS_ORIGINS: '' },
    ],
    [
      'a development placeholder in development',
      { SESSION_HASH_SECRET: 'local-development-secret-for-session-hashes' },
    ],
    [
      'a secret of its own in development, on a database of its own',
      { SESSION_HASH_SECRET: SECRET, NEON_FETCH_ENDPOINT: '' },
    ],
    ['a secret with a space inside', { SESSION_HASH_SECRET: `${SECRET} canary` }],
    ['http to Redis in staging', { ...PRODUCTION, ENVIRONMENT: 'staging', UPSTASH_REDIS_REST_URL: STAND_IN }],
    ['an origin more in development', { CORS_ORIGINS: 'http://localhost:5173' }],
    ['a secret of 32 emoji', { SESSION_HASH_SECRET: '🐤🦆'.repeat(16) }],
  ])('%s', async (_, settings) => {
    const user = await aUser()
    const secret = settings.SESSION_HASH_SECRET
    const token = secret === undefined ? user.token : await aSession(user.id, { secret })
    expect((await apiWith(envWith(settings), token)('GET', '/tasks')).status).toBe(200)
  })

  test.each(['staging', 'production'])('a secret of its own in %s', async (ENVIRONMENT) => {
    const user = await aUser()
    const token = await aSession(user.id, { secret: SECRET })
    const bindings = envWith({ ...PRODUCTION, ENVIRONMENT, SESSION_HASH_SECRET: SECRET })
    expect((await apiWith(bindings, token)('GET', '/tasks')).status).toBe(200)
  })
})

test('the limits are 100 reads and 30 writes a minute, and what the settings say', async () => {
  const limits = async (settings: Env) => {
    const user = await aUser()
    const api = apiWith(envWith(settings), user.token)
    const responses = [await api('GET', '/tasks'), await api('POST', '/tasks', { title: 'canary' })]
    return responses.map(({ headers }) => headers.get('X-RateLimit-Limit'))
  }
  expect(await limits({})).toEqual(['100', '30'])
  expect(await limits({ RATE_LIMIT_READS: '7', RATE_LIMIT_WRITES: '5' })).toEqual(['7', '5'])
})
