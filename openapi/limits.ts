import { configure } from '../src/env.ts'

const { settings } = configure({
  DATABASE_URL: 'postgres://user:password@host/database',
  SESSION_HASH_SECRET: 'as good as any other for reading the defaults',
  UPSTASH_REDIS_REST_URL: 'https://host',
  UPSTASH_REDIS_REST_TOKEN: 'token',
})
if (!settings) throw new Error('the settings that stand in for real ones are no longer enough')

/** Requests a minute, where nobody has set them. */
export const LIMITS = { read: settings.RATE_LIMIT_READS, write: settings.RATE_LIMIT_WRITES }
