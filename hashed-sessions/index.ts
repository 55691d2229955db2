import type { BetterAuthOptions, DBAdapter } from 'better-auth'
import { getAuthTables } from 'better-auth/db'
import { type OnRevoke, wrapAdapter } from './adapter.ts'
import { requestMemory } from './memory.ts'
import { refusal, refuse } from './refuse.ts'
import { type Secrets, sessionTokens } from './tokens.ts'

/**
 * Hashed sessions for better-auth: raw session tokens never reach the database.
 *
 *     betterAuth({
 *       database: hashedSessions(drizzleAdapter(db, { provider: 'pg' }), { secret: SESSION_HASH_SECRET }),
 *       session: { additionalFields: { revoked: revokedField } },
 *     })
 *
 * In the order in which a token meets them:
 *
 * 1. Start: a set-up that would keep raw tokens somewhere else, or an adapter with a method that could carry
 *    one past this file, is refused (refuse.ts). It shows in `await auth.$context`.
 * 2. Create: the token is replaced by its HMAC. A database CHECK (`token_hash ~ '^[0-9a-f]{64}$'`) makes
 *    anything else impossible to store, whatever an upgrade of better-auth does.
 * 3. Look-up: the token in every `where` is replaced by its HMAC, so a stolen hash finds nothing: it is hashed
 *    again. With a previous secret both hashes are looked for; a refresh rewrites the row under the new secret.
 * 4. Answer: the raw token stands in a row only in the request that presented it. For every other row there is
 *    a handle (tokens.ts), which /revoke-session accepts and nothing takes for a credential.
 * 5. Transactions: the adapter inside one is wrapped as well. Sign-up runs in one.
 * 6. Revocation: the row is marked (`revoked`, and expired now) and no longer found by anything here, so that
 *    who shares the table sees it at once and an audit sees it later. Or deleted: `onRevoke: 'delete'`.
 * 7. Other tables: a write that carries a token of the same request is refused.
 *
 * It needs `@better-auth/core` (better-auth's own dependency, same version) for the identity of a request.
 */
export function hashedSessions(
  database: (options: BetterAuthOptions) => DBAdapter,
  settings: HashedSessionsSettings,
): (options: BetterAuthOptions) => DBAdapter {
  const { secret = '', previousSecret, onRevoke = 'mark' } = settings
  return (options) => {
    refuse(database, options, settings)
    // By better-auth's names and by the database's: an adapter takes both.
    const { modelName, fields } = sessionTable(options)
    const models = ['session', 'sessions', modelName, `${modelName}s`]
    const tokenFields = ['token', fields.token?.fieldName]
    return wrapAdapter(database(options), {
      tokens: sessionTokens(secret, previousSecret),
      memory: requestMemory(),
      onRevoke,
      isSession: (model) => models.includes(model),
      isTokenField: (field) => tokenFields.includes(field),
    })
  }
}

export interface HashedSessionsSettings extends Secrets {
  /** `mark` (default) keeps revoked rows, needs `revokedField`, and a job of yours to delete old ones. */
  onRevoke?: OnRevoke | undefined
}

/** For `session.additionalFields`: set by the server only, never shown. */
export const revokedField = {
  type: 'boolean',
  required: true,
  defaultValue: false,
  input: false,
  returned: false,
} as const

function sessionTable(options: BetterAuthOptions) {
  const { session } = getAuthTables(options)
  if (!session) throw refusal('sessions are not kept in the database')
  return session
}
