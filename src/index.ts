import { app } from './app.ts'
import { connect } from './db/client.ts'
import { configure, type Env } from './env.ts'
import { log } from './log.ts'
import { purgeIdempotencyKeys } from './tasks/idempotency-queries.ts'

export type { AppType } from './app.ts'

export default {
  fetch: app.fetch,
  /** wrangler.toml's cron trigger: forgets Idempotency-Keys that are past their 24 hours. */
  async scheduled(_, env) {
    const { settings, faults } = configure(env)
    if (!settings) throw new Error(`settings: ${faults.join('; ')}`)
    log('info', 'purge', { idempotency_keys: await purgeIdempotencyKeys(() => connect(settings)) })
  },
} satisfies ExportedHandler<Env>
