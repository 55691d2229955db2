import { betterAuth } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { bearer } from 'better-auth/plugins/bearer'
import { hashedSessions, revokedField } from '../../hashed-sessions/index.ts'
import type { Connection } from './database.ts'
import { report } from './log.ts'
import * as schema from './schema.ts'

export interface AuthSettings {
  db: Connection['db']
  baseURL: string
  origins: string[]
  /** BETTER_AUTH_SECRET: signs cookies. Stays on this server. */
  secret: string
  /** SESSION_HASH_SECRET: shared with the task API. */
  sessionHashSecret: string
  sessionHashSecretPrevious?: string | undefined
}

export function createAuth({ db, baseURL, origins, secret, ...session }: AuthSettings) {
  return betterAuth({
    baseURL,
    secret,
    trustedOrigins: origins,
    database: hashedSessions(drizzleAdapter(db, { provider: 'pg', schema, transaction: true }), {
      secret: session.sessionHashSecret,
      previousSecret: session.sessionHashSecretPrevious,
    }),
    emailAndPassword: { enabled: true },
    plugins: [bearer()],
    session: { additionalFields: { revoked: revokedField } },
    account: { encryptOAuthTokens: true },
    verification: { storeIdentifier: 'hashed' },
    advanced: {
      database: { generateId: 'uuid' },
      // There is no proxy in front, so an address in a header would be the caller's own invention.
      ipAddress: { disableIpTracking: true },
      // better-auth skips this check by itself when it sees a test runner.
      disableOriginCheck: false,
    },
    // Tests sign up a hundred users a minute, all from one address.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error', log: (_level, message) => report(message) },
    // Otherwise the router prints the error with all that the database hung on it.
    onAPIError: { throw: true },
  })
}
