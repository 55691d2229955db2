import type { DBAdapter } from 'better-auth'
import { describe, expect, test } from 'vitest'
import { type Around, around, wrapperSecret as secret } from './around.ts'
import { hash, signature } from './scan.ts'

describe('every adapter method, on sessions', () => {
  async function opened(options?: Around) {
    const { auth, tables, signUp } = around(options)
    const { token, userId } = await signUp()
    const { adapter, internalAdapter } = await auth.$context
    const where = [{ field: 'token', value: token }]
    return {
      auth,
      adapter,
      internalAdapter,
      tables,
      token,
      userId,
      where,
      session: { model: 'session', where },
    }
  }

  test('reads by token, and never by hash', async () => {
    const { adapter, token, session } = await opened()
    expect(await adapter.findOne(session)).toMatchObject({ token })
    expect(await adapter.findMany(session)).toMatchObject([{ token }])
    expect(await adapter.count(session)).toBe(1)
    for (const operator of ['eq', 'in'] as const) {
      const value = operator === 'in' ? [hash(secret, token)] : hash(secret, token)
      expect(await adapter.findOne({ ...session, where: [{ field: 'token', operator, value }] })).toBeNull()
    }
  })

  test('all but one', async () => {
    const { adapter, userId, internalAdapter, token } = await opened()
    const other = await internalAdapter.createSession(userId)
    const rows = await adapter.findMany<{ id: string }>({
      model: 'session',
      where: [{ field: 'token', operator: 'ne', value: token }],
    })
    expect(rows.map(({ id }) => id)).toEqual([other.id])
  })

  test('a new token is hashed as the first was', async () => {
    const { adapter, tables, session } = await opened()
    const update = { token: 'a new token of 32 characters 0123' }
    expect(await adapter.update({ ...session, update })).toMatchObject(update)
    expect(tables.session?.[0]?.token).toBe(hash(secret, update.token))
  })

  test('consumeOne gives the row to exactly one, of two that have found it', async () => {
    const slowly = (base: DBAdapter): DBAdapter => ({
      ...base,
      findOne: async <T>(call: Parameters<typeof base.findOne<T>>[0]) => {
        const row = await base.findOne<T>(call)
        await new Promise((resolve) => setTimeout(resolve, 10))
        return row
      },
    })
    const { adapter, tables, session } = await opened({ change: (database) => (o) => slowly(database(o)) })
    const taken = await Promise.all([adapter.consumeOne(session), adapter.consumeOne(session)])
    expect(taken.filter((row) => row !== null)).toHaveLength(1)
    expect(tables.session).toMatchObject([{ revoked: true }])
  })

  test('what a hash cannot answer is refused, not answered wrongly', async () => {
    const { adapter, session, userId } = await opened()
    const where = [{ field: 'token', operator: 'starts_with' as const, value: 'a' }]
    await expect(adapter.findMany({ ...session, where })).rejects.toThrow('starts_with')
    const user = { model: 'user', where: [{ field: 'id', value: userId }], join: { session: true } }
    await expect(adapter.findOne(user)).rejects.toThrow('joined')
  })

  test('code of the server itself, outside any request, gets and uses handles', async () => {
    const { internalAdapter, userId, tables } = await opened()
    const issued = await internalAdapter.createSession(userId)
    expect(issued.token).toMatch(/^[A-Za-z0-9]{32}$/)
    const listed = await internalAdapter.listSessions(userId)
    expect(listed.map(({ token }) => token.split('.')[0])).toEqual(['handle', 'handle'])
    for (const { token } of listed) await internalAdapter.deleteSession(token)
    expect(tables.session?.every(({ revoked }) => revoked)).toBe(true)
  })

  test('such a handle is worth nothing in a request', async () => {
    const { auth, userId, internalAdapter } = await opened()
    const { secret: key, authCookies } = await auth.$context
    const [row] = await internalAdapter.listSessions(userId)
    const value = encodeURIComponent(`${row?.token}.${signature(key, row?.token ?? '')}`)
    const headers = new Headers({ Cookie: `${authCookies.sessionToken.name}=${value}` })
    expect(await auth.api.getSession({ headers })).toBeNull()
  })

  test('a row that is asked for by its handle keeps its hash, in a rotation too', async () => {
    const rotating = { settings: { previousSecret: 'x'.repeat(32) } }
    const { adapter, internalAdapter, tables, token, userId } = await opened(rotating)
    const [row] = await internalAdapter.listSessions(userId)
    const where = [{ field: 'token', value: row?.token ?? '' }]
    await adapter.update({ model: 'session', where, update: { userAgent: 'seen' } })
    expect(tables.session).toMatchObject([{ userAgent: 'seen', token: hash(secret, token) }])
  })
})
