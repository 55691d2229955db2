import { type BetterAuthOptions, betterAuth, type DBAdapter } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { bearer } from 'better-auth/plugins/bearer'
import { type HashedSessionsSettings, hashedSessions, revokedField } from '../../hashed-sessions/index.ts'

export const wrapperSecret = 'session hash secret of the wrapper tests, 0123456789'

export type Database = (options: BetterAuthOptions) => DBAdapter

export interface Around extends Partial<BetterAuthOptions> {
  settings?: Partial<HashedSessionsSettings>
  change?: (database: Database) => Database
}

/** The wrapper alone, around an adapter that is not the server's: what any other better-auth server relies on. */
export function around({ settings, change = (database) => database, ...options }: Around = {}) {
  const tables: Record<string, Record<string, unknown>[]> = {
    user: [],
    session: [],
    account: [],
    verification: [],
  }
  const auth = betterAuth({
    secret: 'better-auth secret of the wrapper tests, 0123456789',
    baseURL: 'http://localhost',
    database: hashedSessions(change(memoryAdapter(tables)), { secret: wrapperSecret, ...settings }),
    emailAndPassword: { enabled: true },
    session: { additionalFields: { revoked: revokedField } },
    telemetry: { enabled: false },
    logger: { disabled: true },
    onAPIError: { throw: true },
    ...options,
    plugins: [bearer(), ...(options.plugins ?? [])],
  })

  const password = 'correct horse battery staple'
  const login = ({ token, user }: { token: string | null; user: { id: string; email: string } }) => ({
    token: token ?? '',
    headers: new Headers({ Authorization: `Bearer ${token}` }),
    userId: user.id,
    email: user.email,
  })
  async function signUp() {
    const body = { name: 'Ann', email: `${crypto.randomUUID()}@example.com`, password }
    return login(await auth.api.signUpEmail({ body }))
  }
  const signIn = async (email: string) => login(await auth.api.signInEmail({ body: { email, password } }))

  return { auth, tables, signUp, signIn }
}
