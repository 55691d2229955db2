import { expect, test } from 'vitest'
import { hash } from './scan.ts'
import { openWorld, sessionHashSecret } from './world.ts'

const world = await openWorld()
const { db, call, signUp, signIn, getSession, listSessions, apiStatus } = world

// The steps of the README, in order: before, during (both secrets), after (the new one alone).
const newSecret = 'the session hash secret after the rotation, 0123456789'
const { url: during } = await world.start({
  sessionHashSecret: newSecret,
  sessionHashSecretPrevious: sessionHashSecret,
})
const { url: after } = await world.start({ sessionHashSecret: newSecret })
const both = [newSecret, sessionHashSecret]

const storedAs = async (token: string, secret: string) =>
  (await db.query('select 1 from user_sessions where token_hash = $1', [hash(secret, token)])).rows.length ===
  1

const age = (token: string) =>
  db.query("update user_sessions set expires_at = now() + interval '5 days' where token_hash = any($1)", [
    both.map((secret) => hash(secret, token)),
  ])

test('during a rotation nobody is signed out', async () => {
  const ann = await signUp()
  const seen = await getSession({ bearer: ann.token, url: during })
  expect(seen?.session.token).toBe(ann.token)
  expect(await apiStatus(ann.token, both)).toBe(200)
})

test('new sessions are stored under the new secret only', async () => {
  const ann = await signUp({ url: during })
  expect(await storedAs(ann.token, newSecret)).toBe(true)
  expect(await storedAs(ann.token, sessionHashSecret)).toBe(false)
})

test('a refresh moves an old session under the new secret, and it outlives the old one', async () => {
  const ann = await signUp()
  await age(ann.token)
  const seen = await getSession({ bearer: ann.token, url: during })
  expect(seen?.session.token).toBe(ann.token)
  expect(await storedAs(ann.token, newSecret)).toBe(true)
  expect(await storedAs(ann.token, sessionHashSecret)).toBe(false)
  expect(await apiStatus(ann.token, [newSecret])).toBe(200)
  expect(await getSession({ bearer: ann.token, url: after })).not.toBeNull()
})

test('old and new sessions see and revoke each other', async () => {
  const old = await signUp()
  const young = await signIn(old.email, { url: during })
  const third = await signIn(old.email)
  const as = { bearer: young.token, url: during }
  expect(await listSessions(as)).toHaveLength(3)
  await call('POST', '/revoke-session', { ...as, body: { token: old.token } })
  expect([await apiStatus(old.token, both), await apiStatus(third.token, both)]).toEqual([401, 200])
  await call('POST', '/revoke-other-sessions', as)
  expect([await apiStatus(third.token, both), await apiStatus(young.token, both)]).toEqual([401, 200])
})

test('a handle shown before the rotation still revokes during it', async () => {
  const ann = await signUp()
  const phone = await signIn(ann.email)
  const sessions = await listSessions({ bearer: ann.token })
  const shown = sessions.find(({ token }) => token !== ann.token)
  await call('POST', '/revoke-session', { bearer: ann.token, body: { token: shown?.token }, url: during })
  expect([await apiStatus(ann.token, both), await apiStatus(phone.token, both)]).toEqual([200, 401])
})

test('sign-out of an old session during a rotation', async () => {
  const ann = await signUp()
  await call('POST', '/sign-out', { cookie: ann.cookie, url: during })
  expect(await apiStatus(ann.token, both)).toBe(401)
})

test('after it the old secret is worth nothing', async () => {
  const ann = await signUp()
  expect(await getSession({ bearer: ann.token, url: after })).toBeNull()
  expect(await apiStatus(ann.token, [newSecret])).toBe(401)
})
