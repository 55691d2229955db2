import { betterAuth } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { describe, expect, inject, test } from 'vitest'
import { connect } from '../../local/auth/database.ts'
import { migrateAuth } from '../../local/auth/index.ts'
import * as schema from '../../local/auth/schema.ts'
import { emptyDatabase } from '../setup/database.ts'
import { everything, rawTokens } from './scan.ts'
import { openWorld, secret } from './world.ts'

// Every file of this suite ends with this search (world.ts). Here it is shown to be able to find something.
const world = await openWorld()
const { call, signUp, signIn, issued } = world

describe('with the wrapper', () => {
  test('no column of any table holds a token, after all that a user can do', async () => {
    const ann = await signUp()
    const phone = await signIn(ann.email)
    await call('GET', '/list-sessions', { cookie: ann.cookie })
    await call('POST', '/update-user', { bearer: ann.token, body: { name: 'Anna' } })
    await call('POST', '/revoke-session', { bearer: ann.token, body: { token: phone.token } })
    await call('POST', '/sign-out', { cookie: ann.cookie })
    expect(issued.size).toBeGreaterThanOrEqual(2)
    expect(rawTokens(await everything(world.db), issued)).toEqual([])
  })

  test('a user cannot smuggle one in either', async () => {
    const ann = await signUp()
    const reply = await call('POST', '/update-user', {
      bearer: ann.token,
      body: { name: `I am ${ann.token}` },
    })
    expect(reply.status).toBe(500)
    expect(rawTokens(await everything(world.db), [ann.token])).toEqual([])
  })

  test('the database itself refuses what is not a hash', async () => {
    const { userId, token } = await signUp()
    for (const value of [token, token.repeat(2), 'F'.repeat(64), `${'f'.repeat(64)} `]) {
      const insert = world.db.query(
        "insert into user_sessions (user_id, token_hash, expires_at) values ($1, $2, now() + interval '1 day')",
        [userId, value],
      )
      await expect(insert).rejects.toThrow('user_sessions_token_hash_check')
    }
  })
})

describe('stock better-auth, as a control', () => {
  async function stock(prepare = '') {
    const own = await emptyDatabase(inject('pgliteImage'))
    await migrateAuth(own.neon)
    await own.neon.exec(prepare)
    const connection = connect(own.database)
    const auth = betterAuth({
      secret,
      baseURL: 'http://localhost',
      database: drizzleAdapter(connection.db, { provider: 'pg', schema, transaction: true }),
      emailAndPassword: { enabled: true },
      session: { additionalFields: { revoked: { type: 'boolean', defaultValue: false, input: false } } },
      advanced: { database: { generateId: 'uuid' } },
      telemetry: { enabled: false },
      logger: { disabled: true },
    })
    const close = async () => {
      await connection.close()
      await own.close()
    }
    return { db: own.neon, auth, close }
  }
  const body = { name: 'Ann', email: 'ann@example.com', password: 'correct horse battery staple' }

  test('stores the raw token, and the search finds it', async () => {
    const { db, auth, close } = await stock(
      'alter table user_sessions drop constraint user_sessions_token_hash_check',
    )
    const { token } = await auth.api.signUpEmail({ body })
    expect(rawTokens(await everything(db), [token ?? ''])).toEqual(['user_sessions.token_hash'])
    await close()
  })

  test('cannot, where the CHECK stands: the sign-up fails as a whole', async () => {
    const { db, auth, close } = await stock()
    await expect(auth.api.signUpEmail({ body })).rejects.toThrow()
    expect((await db.query('select 1 from users')).rows).toEqual([])
    await close()
  })
})
