import { describe, expect, test } from 'vitest'
import { hash } from './scan.ts'
import { openWorld, sessionHashSecret } from './world.ts'

const { db, call, signUp, signIn, getSession, apiStatus, password } = await openWorld()

async function row(token: string) {
  const { rows } = await db.query(
    `select *, extract(epoch from expires_at - now())::int as seconds from user_sessions where token_hash = $1`,
    [hash(sessionHashSecret, token)],
  )
  return rows[0]
}

const day = 86_400
const left = async (token: string) => Math.round(Number((await row(token))?.seconds) / 60) * 60

const setExpiry = (token: string, from: string) =>
  db.query(`update user_sessions set expires_at = now() + $2::interval where token_hash = $1`, [
    hash(sessionHashSecret, token),
    from,
  ])

describe('signing up and in', () => {
  test('a sign-up is signed in: at the auth server and at the API', async () => {
    const ann = await signUp()
    expect(await apiStatus(ann.token)).toBe(200)
    expect(await getSession({ bearer: ann.token })).toMatchObject({
      user: { id: ann.userId },
      session: { userId: ann.userId, token: ann.token },
    })
  })

  test('the row holds what the contract says', async () => {
    const ann = await signUp()
    expect(await row(ann.token)).toMatchObject({
      user_id: ann.userId,
      revoked: false,
      refresh_token_hash: null,
    })
    expect(await left(ann.token)).toBe(7 * day)
  })

  test('a sign-in is another session beside the first', async () => {
    const ann = await signUp()
    const again = await signIn(ann.email)
    expect(again.token).not.toBe(ann.token)
    expect(await Promise.all([apiStatus(ann.token), apiStatus(again.token)])).toEqual([200, 200])
  })

  test('a wrong password opens nothing', async () => {
    const { email } = await signUp()
    const reply = await call('POST', '/sign-in/email', { body: { email, password: 'not the password' } })
    expect(reply.status).toBe(401)
    expect(reply.headers.get('set-auth-token')).toBeNull()
  })

  test('no session, no answer but null', async () => {
    expect(await getSession({})).toBeNull()
  })

  test('a user who is deleted takes the sessions along', async () => {
    const ann = await signUp()
    await db.query('delete from users where id = $1', [ann.userId])
    expect(await apiStatus(ann.token)).toBe(401)
    expect(await row(ann.token)).toBeUndefined()
  })
})

describe('refresh and expiry', () => {
  test('a session older than updateAge is extended, under the same token', async () => {
    const ann = await signUp()
    await setExpiry(ann.token, '5 days')
    const reply = await call('GET', '/get-session', { bearer: ann.token })
    expect(reply.body).toMatchObject({ session: { token: ann.token } })
    expect(reply.headers.get('set-auth-token')).toBe(ann.signed)
    expect(await left(ann.token)).toBe(7 * day)
    expect(await apiStatus(ann.token)).toBe(200)
  })

  test('a younger one is left as it is', async () => {
    const ann = await signUp()
    const before = await row(ann.token)
    await call('GET', '/get-session', { cookie: ann.cookie })
    const after = await row(ann.token)
    expect(after?.expires_at).toBe(before?.expires_at)
    expect(after?.last_activity_at).toBe(before?.last_activity_at)
  })

  test('an expired session is dead everywhere, and cannot be refreshed', async () => {
    const ann = await signUp()
    await setExpiry(ann.token, '-1 second')
    expect(await apiStatus(ann.token)).toBe(401)
    expect(await getSession({ bearer: ann.token })).toBeNull()
    await setExpiry(ann.token, '1 day')
    expect(await apiStatus(ann.token)).toBe(401)
  })

  test('without "remember me" a session ends after a day', async () => {
    const { email } = await signUp()
    const reply = await call('POST', '/sign-in/email', { body: { email, password, rememberMe: false } })
    expect(await left((reply.body as { token: string }).token)).toBe(day)
  })
})

describe('change of password', () => {
  const change = (bearer: string, body: object) =>
    call('POST', '/change-password', {
      bearer,
      body: { currentPassword: password, newPassword: 'another long password', ...body },
    })

  test('sessions stay unless asked otherwise', async () => {
    const ann = await signUp()
    const other = await signIn(ann.email)
    expect((await change(ann.token, {})).status).toBe(200)
    expect(await Promise.all([apiStatus(ann.token), apiStatus(other.token)])).toEqual([200, 200])
    await signIn(ann.email, { password: 'another long password' })
  })

  test('revokeOtherSessions ends all and hands out a new one', async () => {
    const ann = await signUp()
    const other = await signIn(ann.email)
    const { body } = await change(ann.token, { revokeOtherSessions: true })
    expect(await Promise.all([apiStatus(ann.token), apiStatus(other.token)])).toEqual([401, 401])
    expect(await apiStatus((body as { token: string }).token)).toBe(200)
  })

  test('the wrong current password changes nothing', async () => {
    const ann = await signUp()
    const body = { currentPassword: 'not the password', revokeOtherSessions: true }
    expect((await change(ann.token, body)).status).toBe(400)
    expect(await apiStatus(ann.token)).toBe(200)
    await signIn(ann.email)
  })
})
