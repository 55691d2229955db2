import { describe, expect, test } from 'vitest'
import type { Login } from './client.ts'
import { hash, signature } from './scan.ts'
import { openWorld, secret, sessionHashSecret } from './world.ts'

const { call, signUp, signIn, getSession, listSessions, apiStatus } = await openWorld()

const authStatus = async (bearer: string) => ((await getSession({ bearer })) === null ? 401 : 200)

describe('what better-auth hands out is understood', () => {
  test.each([
    ['the token of the JSON answer', (ann: Login) => ann.token],
    ['token.signature of set-auth-token', (ann: Login) => ann.signed],
    ['the percent-encoded value of the cookie', (ann: Login) => ann.encoded],
  ])('%s', async (_, form) => {
    const bearer = form(await signUp())
    expect(await apiStatus(bearer)).toBe(200)
    expect(await authStatus(bearer)).toBe(200)
  })

  test('the three are one token', async () => {
    const ann = await signUp()
    expect(ann.token).toMatch(/^[A-Za-z0-9]{32}$/)
    expect(ann.signed).toBe(`${ann.token}.${signature(secret, ann.token)}`)
    expect(decodeURIComponent(ann.encoded)).toBe(ann.signed)
  })

  test('sign-in and refresh name the header that a page from another origin may read', async () => {
    const { email } = await signUp()
    const reply = await call('POST', '/sign-in/email', {
      body: { email, password: 'correct horse battery staple' },
    })
    expect(reply.headers.get('access-control-expose-headers')).toContain('set-auth-token')
  })
})

describe('what it never handed out is not', () => {
  const other = (token: string) => (token.startsWith('A') ? 'B' : 'A') + token.slice(1)
  const stored = ({ token }: Login) => hash(sessionHashSecret, token)

  test.each([
    ['another first character', ({ token }: Login) => other(token)],
    ['the other case', ({ token }: Login) => token.toUpperCase()],
    ['one character short', ({ token }: Login) => token.slice(0, -1)],
    ['half of it', ({ token }: Login) => token.slice(0, 16)],
    ['one character more', ({ token }: Login) => `${token}A`],
    ['twice in a row', ({ token }: Login) => token + token],
    ['the stored hash', stored],
    [
      'the stored hash, signed as only the server can',
      (ann: Login) => `${stored(ann)}.${signature(secret, stored(ann))}`,
    ],
    [
      'the stored hash, percent-encoded',
      (ann: Login) => encodeURIComponent(`${stored(ann)}.${signature(secret, stored(ann))}`),
    ],
    ['another token under its signature', ({ token, signed }: Login) => other(token) + signed.slice(32)],
    ['the session id', ({ sessionId }: Login & { sessionId: string }) => sessionId],
    ['SQL', () => "' or '1'='1"],
    ['a wildcard', () => '%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25'],
  ])('%s', async (_, forge) => {
    const ann = await signUp()
    const sessionId = (await getSession({ bearer: ann.token }))?.session.id ?? ''
    const bearer = forge({ ...ann, sessionId })
    expect(await apiStatus(bearer)).toBe(401)
    expect(await authStatus(bearer)).toBe(401)
  })

  test('a signature that is not the server’s (the API does not look at it)', async () => {
    const { token } = await signUp()
    expect(await authStatus(`${token}.${signature('another secret of 32 characters!', token)}`)).toBe(401)
  })

  test('a forged cookie', async () => {
    const { token, cookie } = await signUp()
    const forged = cookie.replace(token, other(token))
    expect(await getSession({ cookie: forged })).toBeNull()
  })
})

describe('the handle of a session is no credential', () => {
  async function handle() {
    const ann = await signUp()
    const phone = await signIn(ann.email)
    const sessions = await listSessions({ bearer: ann.token })
    const shown = sessions.find(({ token }) => token !== ann.token)?.token ?? ''
    expect(shown).toMatch(/^handle\./)
    return { ann, phone, shown }
  }

  test.each([
    ['as it is', (shown: string) => shown],
    ['signed', (shown: string) => `${shown}.${signature(secret, shown)}`],
    ['its dots encoded', (shown: string) => shown.replaceAll('.', '%2E')],
    ['its dots encoded twice', (shown: string) => shown.replaceAll('.', '%252E')],
    ['its tag', (shown: string) => shown.slice(shown.lastIndexOf('.') + 1)],
  ])('%s', async (_, form) => {
    const { shown } = await handle()
    expect(await apiStatus(form(shown))).toBe(401)
    expect(await authStatus(form(shown))).toBe(401)
  })

  test('in a cookie with a true signature', async () => {
    const { ann, shown } = await handle()
    const name = ann.cookie.slice(0, ann.cookie.indexOf('='))
    const cookie = `${name}=${encodeURIComponent(`${shown}.${signature(secret, shown)}`)}`
    expect(await getSession({ cookie })).toBeNull()
    expect((await call('POST', '/revoke-sessions', { cookie })).status).toBe(401)
  })

  test('it signs nobody out', async () => {
    const { ann, phone, shown } = await handle()
    const name = ann.cookie.slice(0, ann.cookie.indexOf('='))
    const cookie = `${name}=${encodeURIComponent(`${shown}.${signature(secret, shown)}`)}`
    for (const credentials of [{ bearer: shown.replaceAll('.', '%2E') }, { cookie }]) {
      await call('POST', '/sign-out', credentials)
    }
    expect(await apiStatus(phone.token)).toBe(200)
  })

  test('a tampered one revokes nothing', async () => {
    const { ann, phone, shown } = await handle()
    const wrong = shown.slice(0, -1) + (shown.endsWith('0') ? '1' : '0')
    for (const token of [wrong, shown.slice(0, -1), shown.slice(0, shown.lastIndexOf('.') + 1)]) {
      await call('POST', '/revoke-session', { bearer: ann.token, body: { token } })
    }
    expect(await apiStatus(phone.token)).toBe(200)
  })
})
