/** What bench/world/stacks.ts binds, the same for every Worker. */
export interface Env {
  ENVIRONMENT: string
  DATABASE_URL: string
  NEON_FETCH_ENDPOINT: string
  SESSION_HASH_SECRET: string
  UPSTASH_REDIS_REST_URL: string
  UPSTASH_REDIS_REST_TOKEN: string
  RATE_LIMIT_READS: string
  RATE_LIMIT_WRITES: string
}
