import type { BetterAuthOptions, BetterAuthPlugin } from 'better-auth'
import { getAuthTables } from 'better-auth/db'
import type { HashedSessionsSettings } from './index.ts'

type Database = (options: BetterAuthOptions) => unknown

/** What would keep raw tokens somewhere else, or not work: said at the start, in words that name the cure. */
export function refuse(database: Database, options: BetterAuthOptions, settings: HashedSessionsSettings) {
  if (typeof database !== 'function')
    throw refusal(
      'the first argument is an adapter, such as drizzleAdapter(db, …) or kyselyAdapter(db, …). ' +
        'A pool becomes one so: kyselyAdapter(new Kysely({ dialect: new PostgresDialect({ pool }) }), ' +
        "{ type: 'postgres', transaction: true }); { db, type } so: kyselyAdapter(db, { type, transaction: true })",
    )
  refuseSecret('secret', settings.secret)
  if (settings.previousSecret !== undefined) refuseSecret('previousSecret', settings.previousSecret)
  refuseOptions(options)
  // It writes the raw session token into the verification table.
  if (options.plugins?.some(({ id }) => id === 'one-time-token'))
    throw refusal('the one-time-token plugin stores raw session tokens: take it out of plugins')
  if (settings.onRevoke !== 'delete' && getAuthTables(options).session?.fields.revoked?.type !== 'boolean')
    throw refusal(
      'sessions have no column to mark them revoked: add session.additionalFields.revoked = revokedField, ' +
        "or set onRevoke: 'delete'",
    )
  guardPlugins(options)
}

export const refusal = (why: string) => new Error(`hashed sessions: ${why}`)

const cures = {
  secret: "set SESSION_HASH_SECRET to the tasks API's; `openssl rand -hex 32` makes one",
  previousSecret:
    'set SESSION_HASH_SECRET_PREVIOUS to the secret before this one, or leave previousSecret out',
}

export function refuseSecret(name: keyof typeof cures, value: string | undefined) {
  const fault =
    value === undefined
      ? 'is missing'
      : value === ''
        ? 'is empty'
        : value !== value.trim()
          ? 'begins or ends in white space'
          : value.length < 32
            ? 'is shorter than 32 characters'
            : undefined
  if (fault) throw refusal(`${name} ${fault}: ${cures[name]}`)
}

function refuseOptions({ secondaryStorage, session }: BetterAuthOptions) {
  // Keyed by the raw token, with the session as the value.
  if (secondaryStorage)
    throw refusal(
      'secondaryStorage keeps raw session tokens: take it out, or the plugin that brings it. ' +
        "(For better-auth's own rate limit: rateLimit.storage = 'database')",
    )
  if (session?.cookieCache?.enabled)
    throw refusal(
      'with session.cookieCache a revoked session lives on, and /revoke-session of a listed one ends nothing: ' +
        'set cookieCache.enabled to false, or take out the plugin that sets it',
    )
}

const guard = 'hashed-sessions-guard'

/** A plugin's `init` may add options after these were looked at; better-auth assigns them all when the last one is done. */
function guardPlugins(options: BetterAuthOptions) {
  const plugin: BetterAuthPlugin = {
    id: guard,
    init(context) {
      const { options: early } = context
      Object.defineProperty(context, 'options', {
        enumerable: true,
        configurable: true,
        get: () => early,
        set(final: BetterAuthOptions) {
          refuseOptions(final)
          Object.defineProperty(context, 'options', {
            value: final,
            writable: true,
            enumerable: true,
            configurable: true,
          })
        },
      })
    },
  }
  const others = options.plugins?.filter(({ id }) => id !== guard) ?? []
  options.plugins = [...others, plugin]
}
