import type { BetterAuthOptions, BetterAuthPlugin, DBAdapter } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { createAuthEndpoint, sessionMiddleware } from 'better-auth/api'
import { oneTimeToken } from 'better-auth/plugins/one-time-token'
import { describe, expect, test } from 'vitest'
import { hashedSessions, revokedField } from '../../hashed-sessions/index.ts'
import { type Around, around, type Database, wrapperSecret as secret } from './around.ts'
import { hash } from './scan.ts'

describe('around another adapter', () => {
  test('sessions are stored hashed and found again', async () => {
    const { auth, tables, signUp } = around()
    const ann = await signUp()
    expect(tables.session?.map(({ token }) => token)).toEqual([hash(secret, ann.token)])
    expect((await auth.api.getSession({ headers: ann.headers }))?.session.token).toBe(ann.token)
  })

  test("onRevoke: 'delete' leaves no row and needs no column", async () => {
    const { auth, tables, signUp, signIn } = around({ settings: { onRevoke: 'delete' }, session: {} })
    const { headers, email } = await signUp()
    await signIn(email)
    await auth.api.revokeOtherSessions({ headers })
    expect(tables.session).toHaveLength(1)
    await auth.api.signOut({ headers })
    expect(tables.session).toEqual([])
  })
})

test("better-auth's own generate sees the adapter that is wrapped", () => {
  const wrapped = hashedSessions(drizzleAdapter({}, { provider: 'pg' }), { secret })
  const { id, options } = wrapped({ session: { additionalFields: { revoked: revokedField } } })
  expect({ id, options }).toMatchObject({ id: 'drizzle', options: { provider: 'pg' } })
})

describe('refuses to start, in words that name the cure', () => {
  const start = async (options: Around) => {
    await (await around(options).auth.$context).adapter.transaction(async () => {})
  }
  const extra = (adapter: DBAdapter): DBAdapter => Object.assign(adapter, { upsert: async () => null })
  const secondaryStorage = {
    get: () => null,
    set: () => {},
    delete: () => {},
    getAndDelete: () => null,
    increment: () => 0,
  }
  const cookieCache = { enabled: true }
  const late = (options: Partial<BetterAuthOptions>): Around => ({
    plugins: [{ id: 'late', init: () => ({ options }) }],
  })
  // What JavaScript lets through.
  const instead = (database: object): Around => ({ change: () => database as Database })

  test.each<[string, Around, RegExp]>([
    ['with secondaryStorage', { secondaryStorage }, /secondaryStorage .*take it out/],
    [
      'with secondaryStorage that a plugin brings',
      late({ secondaryStorage }),
      /secondaryStorage .*the plugin that brings/,
    ],
    ['with a cookie cache', { session: { cookieCache } }, /cookieCache\.enabled to false/],
    [
      'with a cookie cache that a plugin brings',
      late({ session: { cookieCache } }),
      /cookieCache.*the plugin that sets/,
    ],
    ['with one-time tokens', { plugins: [oneTimeToken()] }, /one-time-token .*take it out of plugins/],
    ['without the revoked column', { session: {} }, /additionalFields\.revoked = revokedField/],
    [
      'without a secret',
      { settings: { secret: undefined } },
      /: secret is missing: set SESSION_HASH_SECRET to/,
    ],
    ['with an empty secret', { settings: { secret: '' } }, /: secret is empty: set SESSION_HASH_SECRET to/],
    ['with a short secret', { settings: { secret: 'short' } }, /: secret is shorter than 32 characters/],
    ['with a line break', { settings: { secret: `${secret}\n` } }, /: secret begins or ends in white space/],
    ['with an empty previous secret', { settings: { previousSecret: '' } }, /previousSecret is empty.*leave/],
    [
      'with a short previous secret',
      { settings: { previousSecret: 'x' } },
      /previousSecret is shorter than 32/,
    ],
    ['on a pool', instead({ connect: () => {}, query: () => {} }), /adapter.*new Kysely.*pool/],
    ['on { db, type }', instead({ db: {}, type: 'postgres' }), /adapter.*kyselyAdapter\(db, \{ type/],
    ['on an unknown adapter method', { change: (database) => (o) => extra(database(o)) }, /"upsert"/],
    [
      'on one that only a transaction has',
      {
        change: (database) => (options) => {
          const base = database(options)
          return { ...base, transaction: (work) => work(extra({ ...base })) }
        },
      },
      /"upsert"/,
    ],
  ])('%s', async (_, options, message) => {
    await expect(start(options)).rejects.toThrow(message)
  })

  test('and starts with plugins that add what is harmless, whose options stand', async () => {
    const { auth, signUp } = around(late({ appName: 'added late' }))
    expect((await auth.$context).options.appName).toBe('added late')
    await signUp()
  })
})

describe('a plugin of which nothing is known', () => {
  const nosy = (write: (adapter: DBAdapter, token: string) => Promise<unknown>): BetterAuthPlugin => ({
    id: 'nosy',
    endpoints: {
      nosy: createAuthEndpoint('/nosy', { method: 'POST', use: [sessionMiddleware] }, async (ctx) => {
        await write(ctx.context.adapter, ctx.context.session.session.token)
        return null
      }),
    },
  })
  const soon = new Date(Date.now() + 60_000)

  test.each<[string, Parameters<typeof nosy>[0]]>([
    [
      'in another table',
      (adapter, token) =>
        adapter.create({
          model: 'verification',
          data: {
            identifier: 'x',
            value: `link:${token}`,
            expiresAt: soon,
            createdAt: soon,
            updatedAt: soon,
          },
        }),
    ],
    [
      'in another column of the session',
      (adapter, token) =>
        adapter.update({
          model: 'session',
          where: [{ field: 'token', value: token }],
          update: { userAgent: token },
        }),
    ],
    [
      'in many rows at once',
      (adapter, token) =>
        adapter.updateMany({ model: 'user', where: [], update: { image: `https://x/?${token}` } }),
    ],
  ])('cannot leave a raw token %s', async (_, write) => {
    const { auth, tables, signUp } = around({ plugins: [nosy(write)] })
    const { token, headers } = await signUp()
    const request = new Request('http://localhost/api/auth/nosy', { method: 'POST', headers })
    await expect(auth.handler(request)).rejects.toThrow('a raw session token was about to be stored')
    expect(JSON.stringify(tables)).not.toContain(token)
  })
})

test('an endpoint without a session, like a reset of a password, can end what it finds', async () => {
  const reset = createAuthEndpoint(
    '/reset',
    { method: 'POST' },
    async ({ query, context: { internalAdapter } }) => {
      for (const { token } of await internalAdapter.listSessions(String(query?.user)))
        await internalAdapter.deleteSession(token)
      return null
    },
  )
  const { auth, signUp } = around({ plugins: [{ id: 'reset', endpoints: { reset } }] })
  const { headers, userId } = await signUp()
  await auth.handler(new Request(`http://localhost/api/auth/reset?user=${userId}`, { method: 'POST' }))
  expect(await auth.api.getSession({ headers })).toBeNull()
})

test("a handle means nothing in another user's request, even where nobody asks whose session it is", async () => {
  const revoke = createAuthEndpoint(
    '/revoke-any',
    { method: 'POST', use: [sessionMiddleware] },
    async (ctx) => ctx.context.internalAdapter.deleteSession(String(ctx.query?.token)),
  )
  const { auth, signUp, signIn } = around({ plugins: [{ id: 'careless', endpoints: { revoke } }] })
  const [ann, bob] = [await signUp(), await signUp()]
  const phone = await signIn(ann.email)
  const handle = (await auth.api.listSessions({ headers: phone.headers }))[0]?.token ?? ''
  const revokeAs = async (headers: Headers) => {
    const url = `http://localhost/api/auth/revoke-any?token=${handle}`
    await auth.handler(new Request(url, { method: 'POST', headers }))
    return auth.api.getSession({ headers: ann.headers })
  }
  expect(handle).toMatch(/^handle/)
  expect(await revokeAs(bob.headers)).not.toBeNull()
  expect(await revokeAs(phone.headers)).toBeNull()
})
