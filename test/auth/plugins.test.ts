import { createHash } from 'node:crypto'
import { apiKey } from '@better-auth/api-key'
import { kyselyAdapter } from '@better-auth/kysely-adapter'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import {
  admin,
  anonymous,
  bearer,
  deviceAuthorization,
  emailOTP,
  jwt,
  magicLink,
  multiSession,
  organization,
  twoFactor,
  username,
} from 'better-auth/plugins'
import { Kysely, PostgresDialect } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { adopt } from '../../hashed-sessions/adoption/run.ts'
import { hashedSessions, revokedField } from '../../hashed-sessions/index.ts'
import { type Browser, browser } from './browser.ts'
import { everything, hash, rawTokens } from './scan.ts'
import { openDatabase } from './stock.ts'
import { randomAddress, taskApis } from './task-api.ts'

const secret = 'session hash secret of the plugin tests, 0123456789'
const { neon, pool, close } = await openDatabase()
const apis = await taskApis(neon)

/** What was sent by mail, by its address. */
const mail = new Map<string, string>()
const sent = async (email: string, what: string) => {
  mail.set(email, what)
}

// scrypt is better-auth's own and slow on purpose; nothing here is about passwords.
const hashPassword = async (password: string) => createHash('sha256').update(password).digest('hex')

const options = {
  secret: 'better-auth secret of the plugin tests, 0123456789',
  baseURL: 'http://localhost',
  emailAndPassword: {
    enabled: true,
    password: {
      hash: hashPassword,
      verify: async ({ hash, password }) => hash === (await hashPassword(password)),
    },
  },
  // All of them at once, as a large application has them.
  plugins: [
    bearer(),
    admin(),
    organization(),
    twoFactor({ otpOptions: { sendOTP: ({ user, otp }) => sent(user.email, otp) } }),
    multiSession(),
    anonymous(),
    magicLink({ sendMagicLink: ({ email, url }) => sent(email, url) }),
    emailOTP({ sendVerificationOTP: ({ email, otp }) => sent(email, otp) }),
    username(),
    jwt(),
    deviceAuthorization({ verificationUri: '/device' }),
    apiKey({ enableSessionForAPIKeys: true }),
  ],
  session: { additionalFields: { revoked: revokedField } },
  telemetry: { enabled: false },
  logger: { disabled: true },
} satisfies BetterAuthOptions

const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
const auth = betterAuth({
  ...options,
  database: hashedSessions(kyselyAdapter(db, { type: 'postgres', transaction: true }), { secret }),
})
const issued = new Set<string>()
const open = () => browser(auth.handler, issued)

beforeAll(async () => {
  // `migrate` takes no adapter; given the pool, it makes what the wrapped server needs.
  const migrations = await getMigrations({ ...options, database: { db, type: 'postgres' } })
  await migrations.runMigrations()
  const client = await pool.connect()
  await adopt(client, { way: 'views', secret, log: () => {} })
  client.release()
})

afterAll(async () => {
  await apis.close()
  await close()
})

beforeEach(async () => {
  const before = new Set(issued)
  return async () => {
    const values = await everything(neon)
    expect(rawTokens(values, issued)).toEqual([])
    const stored = new Set(values.map(({ value }) => value))
    const tokens = [...issued].filter((token) => !before.has(token))
    expect(tokens.length, 'sessions were opened').toBeGreaterThan(0)
    for (const token of tokens) expect(stored.has(hash(secret, token)) || gone.has(token)).toBe(true)
  }
})

/** Tokens whose rows went with their user. */
const gone = new Set<string>()

async function api(token: string): Promise<number> {
  const { url } = await apis.accepting([secret])
  const headers = { Authorization: `Bearer ${token}`, 'CF-Connecting-IP': randomAddress() }
  return (await fetch(`${url}/tasks?limit=1`, { headers })).status
}

const anEmail = () => `${crypto.randomUUID()}@example.com`
const password = 'correct horse battery staple'

async function signUp(page: Browser = open(), more: object = {}) {
  const email = anEmail()
  const { user } = await page.post<{ user: { id: string } }>('/sign-up/email', {
    name: 'Ann',
    email,
    password,
    ...more,
  })
  return { page, email, id: user.id, token: page.token() }
}
const signIn = async (page: Browser, email: string) => {
  await page.post('/sign-in/email', { email, password })
  return page.token()
}
const whoAmI = async (page: Browser) =>
  (await page.get<{ user: { id: string } } | null>('/get-session'))?.user.id

test("better-auth's own migrate finds nothing to do after the adoption", async () => {
  await signUp()
  const { compileMigrations } = await getMigrations({ ...options, database: { db, type: 'postgres' } })
  expect(await compileMigrations()).toBe(';')
})

test('admin: impersonates, and comes back', async () => {
  const [root, ann] = [await signUp(), await signUp()]
  await neon.query(`update "user" set role = 'admin' where id = $1`, [root.id])
  await root.page.post('/admin/impersonate-user', { userId: ann.id })
  const impersonating = root.page.token()
  expect(await whoAmI(root.page)).toBe(ann.id)
  expect(await api(impersonating)).toBe(200)
  await root.page.post('/admin/stop-impersonating')
  expect(await whoAmI(root.page)).toBe(root.id)
  expect([await api(impersonating), await api(root.token), await api(ann.token)]).toEqual([401, 200, 200])
})

test("admin: lists a user's sessions by handles, and ends them one by one or all, or with a ban", async () => {
  const [root, ann] = [await signUp(), await signUp()]
  await neon.query(`update "user" set role = 'admin' where id = $1`, [root.id])
  const phone = await signIn(open(), ann.email)
  const list = async () =>
    (await root.page.post<{ sessions: { token: string }[] }>('/admin/list-user-sessions', { userId: ann.id }))
      .sessions
  const [first] = await list()
  expect(first?.token).toMatch(/^handle\./)
  await root.page.post('/admin/revoke-user-session', { sessionToken: first?.token })
  expect([await api(ann.token), await api(phone)].sort()).toEqual([200, 401])
  expect(await list()).toHaveLength(1)
  await root.page.post('/admin/revoke-user-sessions', { userId: ann.id })
  expect([await api(ann.token), await api(phone)]).toEqual([401, 401])
  const tablet = await signIn(open(), ann.email)
  await root.page.post('/admin/ban-user', { userId: ann.id })
  expect([await api(tablet), await api(root.token)]).toEqual([401, 200])
})

test('organization: is created, joined by invitation and active in the session', async () => {
  const [ann, bob] = [await signUp(), await signUp()]
  const { id } = await ann.page.post<{ id: string }>('/organization/create', { name: 'Ours', slug: ann.id })
  const invited = { email: bob.email, role: 'member', organizationId: id }
  const invitation = await ann.page.post<{ id: string }>('/organization/invite-member', invited)
  await bob.page.post('/organization/accept-invitation', { invitationId: invitation.id })
  await bob.page.post('/organization/set-active', { organizationId: id })
  const seen = await bob.page.get<{ session: { activeOrganizationId: string } }>('/get-session')
  expect(seen.session.activeOrganizationId).toBe(id)
  expect(await api(bob.token)).toBe(200)
})

test('two-factor: no session before the second factor, one after it', async () => {
  const ann = await signUp()
  await ann.page.post('/two-factor/enable', { password, method: 'otp' })
  expect([await api(ann.token), await api(ann.page.token())]).toEqual([401, 200])
  const page = open()
  const half = await page.post<{ twoFactorRedirect: boolean }>('/sign-in/email', {
    email: ann.email,
    password,
  })
  expect(half.twoFactorRedirect).toBe(true)
  expect(await whoAmI(page)).toBeUndefined()
  const { rows } = await neon.query(
    'select count(*)::int as count from session where "userId" = $1 and not revoked',
    [ann.id],
  )
  expect(rows).toEqual([{ count: 1 }])
  await page.post('/two-factor/send-otp')
  await page.post('/two-factor/verify-otp', { code: mail.get(ann.email) })
  expect(await api(page.token())).toBe(200)
})

test('multi-session: two users in one browser, each ended alone', async () => {
  const ann = await signUp()
  const bob = await signUp(ann.page)
  const listed = await ann.page.get<{ user: { id: string } }[]>('/multi-session/list-device-sessions')
  expect(listed.map(({ user }) => user.id).sort()).toEqual([ann.id, bob.id].sort())
  await ann.page.post('/multi-session/set-active', { sessionToken: ann.token })
  expect(await whoAmI(ann.page)).toBe(ann.id)
  await ann.page.post('/multi-session/revoke', { sessionToken: ann.token })
  expect([await api(ann.token), await api(bob.token)]).toEqual([401, 200])
  expect(await whoAmI(ann.page)).toBe(bob.id)
})

test('anonymous: becomes a user, and its session ends', async () => {
  const page = open()
  await page.post('/sign-in/anonymous')
  const nameless = page.token()
  expect(await api(nameless)).toBe(200)
  gone.add(nameless)
  const ann = await signUp(page)
  expect([await api(nameless), await api(ann.token)]).toEqual([401, 200])
})

test('magic-link: the link signs in, once', async () => {
  const [page, email] = [open(), anEmail()]
  await page.post('/sign-in/magic-link', { email, name: 'Ann' })
  const link = new URL(mail.get(email) ?? '')
  const path = `/magic-link/verify?token=${link.searchParams.get('token')}`
  await page.get(path)
  expect(await api(page.token())).toBe(200)
  const again = open()
  await again.call('GET', path)
  expect(await whoAmI(again)).toBeUndefined()
})

test('email-otp: the code signs in', async () => {
  const [page, email] = [open(), anEmail()]
  await page.post('/email-otp/send-verification-otp', { email, type: 'sign-in' })
  await page.post('/sign-in/email-otp', { email, otp: mail.get(email) })
  expect(await api(page.token())).toBe(200)
})

test('username: signs in by it', async () => {
  const name = `ann_${crypto.randomUUID().slice(0, 8)}`
  await signUp(open(), { username: name })
  const page = open()
  await page.post('/sign-in/username', { username: name, password })
  expect(await api(page.token())).toBe(200)
})

test('jwt: says who it is, without the token of the session', async () => {
  const ann = await signUp()
  const { token } = await ann.page.get<{ token: string }>('/token')
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  expect(JSON.parse(payload)).toMatchObject({ sub: ann.id })
  expect(payload).not.toContain(ann.token)
})

test('device authorization: a device gets a session of its own', async () => {
  const ann = await signUp()
  const device = open()
  const client_id = 'tv'
  const codes = await device.post<{ device_code: string; user_code: string }>('/device/code', { client_id })
  await ann.page.get(`/device?user_code=${codes.user_code}`)
  await ann.page.post('/device/approve', { userCode: codes.user_code })
  const { access_token } = await device.post<{ access_token: string }>('/device/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: codes.device_code,
    client_id,
  })
  issued.add(access_token)
  expect(await api(access_token)).toBe(200)
  await ann.page.post('/revoke-other-sessions')
  expect([await api(access_token), await api(ann.token)]).toEqual([401, 200])
})

test('api-key: stands for its user at the auth server, and is no token of the API', async () => {
  const ann = await signUp()
  const { key, id } = await ann.page.post<{ key: string; id: string }>('/api-key/create', { name: 'script' })
  const as = { 'x-api-key': key }
  const reply = await open().call('GET', '/get-session', undefined, as)
  expect(reply.body).toMatchObject({ user: { id: ann.id } })
  expect(await api(key)).toBe(401)
  expect(rawTokens(await everything(neon), [key])).toEqual([])
  await ann.page.post('/api-key/delete', { keyId: id })
  expect((await open().call('GET', '/get-session', undefined, as)).body).not.toMatchObject({
    user: { id: ann.id },
  })
})
