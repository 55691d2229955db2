import { describe, expect, test } from 'vitest'
import type { Login } from './client.ts'
import { hash } from './scan.ts'
import { notATokens, openWorld, sessionHashSecret } from './world.ts'

const { db, call, signUp, signIn, getSession, listSessions, apiStatus } = await openWorld()

/** Ann in three browsers, and Bob, whom nothing here may touch. */
async function people() {
  const [ann, bob] = await Promise.all([signUp(), signUp()])
  const [phone, tablet] = await Promise.all([signIn(ann.email), signIn(ann.email)])
  return { ann, phone, tablet, bob }
}

type People = Awaited<ReturnType<typeof people>>

/** At the API and at the auth server, which must never disagree. */
async function alive({ ann, phone, tablet, bob }: People) {
  const seen = async (token: string) => {
    const session = await getSession({ bearer: token })
    expect(session !== null, 'the auth server and the API agree').toBe((await apiStatus(token)) === 200)
    return session !== null
  }
  return {
    ann: await seen(ann.token),
    phone: await seen(phone.token),
    tablet: await seen(tablet.token),
    bob: await seen(bob.token),
  }
}

const all = { ann: true, phone: true, tablet: true, bob: true }

const list = (bearer: string) => listSessions({ bearer })

/** What list-sessions calls one session when another one asks. */
async function handleOf(session: Login, asking: Login): Promise<string> {
  const own = (await list(session.token)).find(({ token }) => token === session.token)
  return (await list(asking.token)).find(({ id }) => id === own?.id)?.token ?? ''
}

describe('list-sessions', () => {
  test('shows every session, the raw token only of the one that asks', async () => {
    const { ann } = await people()
    const sessions = await list(ann.token)
    expect(sessions).toHaveLength(3)
    expect(sessions.filter(({ token }) => token === ann.token)).toHaveLength(1)
    for (const { id, token } of sessions.filter((session) => session.token !== ann.token)) {
      expect(token).toMatch(new RegExp(`^handle\\.${id}\\.[0-9a-f]{64}$`))
    }
  })

  test('shows neither hashes nor what was revoked', async () => {
    const { ann, phone } = await people()
    await call('POST', '/sign-out', { bearer: phone.token })
    const sessions = await list(ann.token)
    expect(sessions).toHaveLength(2)
    const { rows } = await db.query('select token_hash from user_sessions where user_id = $1', [ann.userId])
    for (const { token_hash } of rows) expect(JSON.stringify(sessions)).not.toContain(token_hash)
  })
})

describe('revoke-session', () => {
  test('by token', async () => {
    const they = await people()
    await call('POST', '/revoke-session', { bearer: they.ann.token, body: { token: they.phone.token } })
    expect(await alive(they)).toEqual({ ...all, phone: false })
  })

  test('by the handle that list-sessions shows', async () => {
    const they = await people()
    const token = await handleOf(they.phone, they.ann)
    await call('POST', '/revoke-session', { cookie: they.ann.cookie, body: { token } })
    expect(await alive(they)).toEqual({ ...all, phone: false })
  })

  test('its own', async () => {
    const they = await people()
    await call('POST', '/revoke-session', { bearer: they.ann.token, body: { token: they.ann.token } })
    expect(await alive(they)).toEqual({ ...all, ann: false })
  })

  test.each([
    ['token', async ({ phone }: People) => phone.token],
    ['handle', async ({ ann, phone }: People) => await handleOf(phone, ann)],
    ['hash', async ({ phone }: People) => hash(sessionHashSecret, phone.token)],
  ])("not another user's, by its %s", async (_, name) => {
    const they = await people()
    await call('POST', '/revoke-session', { bearer: they.bob.token, body: { token: await name(they) } })
    expect(await alive(they)).toEqual(all)
  })

  test('not without a session, and not with a revoked one', async () => {
    const they = await people()
    await call('POST', '/sign-out', { bearer: they.phone.token })
    for (const bearer of [undefined, they.phone.token]) {
      const options = { ...(bearer && { bearer }), body: { token: they.tablet.token } }
      expect((await call('POST', '/revoke-session', options)).status).toBe(401)
    }
    expect(await alive(they)).toEqual({ ...all, phone: false })
  })
})

describe('revoke-other-sessions', () => {
  test('spares the one that asks', async () => {
    const they = await people()
    await call('POST', '/revoke-other-sessions', { bearer: they.ann.token })
    expect(await alive(they)).toEqual({ ...all, phone: false, tablet: false })
  })

  test('finds the 101st session too', async () => {
    const they = await people()
    await db.query(
      `insert into user_sessions (user_id, token_hash, expires_at)
       select $1, $2 || md5(random()::text) || substr(md5(random()::text), 5), now() + interval '1 day'
       from generate_series(1, 150)`,
      [they.ann.userId, notATokens],
    )
    await call('POST', '/revoke-other-sessions', { bearer: they.tablet.token })
    const { rows } = await db.query(
      'select count(*)::int as living from user_sessions where user_id = $1 and not revoked',
      [they.ann.userId],
    )
    expect(rows).toEqual([{ living: 1 }])
    expect(await alive(they)).toEqual({ ...all, ann: false, phone: false })
  })
})

test('revoke-sessions ends them all, the asking one too', async () => {
  const they = await people()
  await call('POST', '/revoke-sessions', { bearer: they.ann.token })
  expect(await alive(they)).toEqual({ ann: false, phone: false, tablet: false, bob: true })
})

describe('sign-out', () => {
  test.each(['bearer', 'cookie'] as const)('by %s', async (form) => {
    const they = await people()
    const credentials = form === 'bearer' ? { bearer: they.ann.token } : { cookie: they.ann.cookie }
    const reply = await call('POST', '/sign-out', credentials)
    expect(reply.body).toEqual({ success: true })
    expect(reply.headers.getSetCookie()[0]).toMatch(/session_token=;.*Max-Age=0/)
    expect(await alive(they)).toEqual({ ...all, ann: false })
  })
})

describe('a revoked row', () => {
  test.each(['/sign-out', '/revoke-sessions'])(
    'stays after %s, marked and expired, for an audit',
    async (path) => {
      const { ann } = await people()
      await call('POST', path, { bearer: ann.token })
      const { rows } = await db.query(
        'select revoked, expires_at <= now() as expired from user_sessions where token_hash = $1',
        [hash(sessionHashSecret, ann.token)],
      )
      expect(rows).toEqual([{ revoked: true, expired: true }])
    },
  )

  test('is dead here too when somebody else marked it, long before it expires', async () => {
    const they = await people()
    await db.query(
      "update user_sessions set revoked = true, expires_at = now() + interval '5 days' where token_hash = $1",
      [hash(sessionHashSecret, they.ann.token)],
    )
    expect(await alive(they)).toEqual({ ...all, ann: false })
    expect(await list(they.phone.token)).toHaveLength(2)
    expect((await call('POST', '/revoke-sessions', { bearer: they.ann.token })).status).toBe(401)
  })

  test('is not brought back by a refresh that races the revocation', async () => {
    const { ann } = await people()
    for (let round = 0; round < 10; round++) {
      const one = await signIn(ann.email)
      await db.query(
        "update user_sessions set expires_at = now() + interval '5 days' where token_hash = $1",
        [hash(sessionHashSecret, one.token)],
      )
      await Promise.all([
        call('GET', '/get-session', { bearer: one.token }),
        call('POST', '/revoke-session', { bearer: ann.token, body: { token: one.token } }),
        call('GET', '/get-session', { bearer: one.token }),
      ])
      expect(await apiStatus(one.token)).toBe(401)
    }
  })
})
