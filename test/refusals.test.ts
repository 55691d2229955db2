import { describe, expect, test } from 'vitest'
import { expectRefusal, misuse, misusedRoutes, protectedRoutes, refusals } from './refusals.ts'
import { aRow, aUser, client, expectProblem, sql } from './support.ts'
import { trips } from './watch.ts'

// RFC 6750 §3, §3.1
describe.each(protectedRoutes)('%s %s', (method, path, body) => {
  test.each(refusals)('refuses $what', async ({ header, challenge, looksUp }) => {
    const api = client()
    const credentials = await header()
    const headers: Record<string, string> = credentials === undefined ? {} : { Authorization: credentials }
    const responses: Response[] = []
    const { database, redis } = await trips(async () => {
      responses.push(await api(method, path, body, headers))
    })
    for (const response of responses) await expectRefusal(response, method, challenge)
    expect(responses).toHaveLength(1)
    expect(database).toBe(looksUp ? 1 : 0)
    if (!looksUp) expect(redis).toBe(0)
  })
})

describe.each([
  ['revoked', (id: string) => sql`update user_sessions set revoked = true where user_id = ${id}`],
  ['expired', (id: string) => sql`update user_sessions set expires_at = now() where user_id = ${id}`],
  ['deleted', (id: string) => sql`delete from user_sessions where user_id = ${id}`],
  ['an orphan', (id: string) => sql`delete from users where id = ${id}`],
])('a session that was alive a request ago and is now %s', (_, kill) => {
  test.each(protectedRoutes)('is refused by %s %s', async (method, path, body) => {
    const user = await aUser()
    expect((await user.api('GET', '/tasks')).status).toBe(200)
    await kill(user.id)
    await expectRefusal(await user.api(method, path, body), method)
    await expectRefusal(await user.api(method, path, body), method)
  })
})

describe('a dead session gets no other answer', () => {
  test.each(misusedRoutes)('for %s in %s %s', async (...route) => {
    const user = await aUser()
    await sql`update user_sessions set revoked = true where user_id = ${user.id}`
    await expectRefusal(await misuse(user.api, route), route[1])
  })

  test.each(misusedRoutes)('for %s in %s %s, where it was alive a request ago', async (...route) => {
    const user = await aUser()
    expect((await user.api('GET', '/tasks')).status).toBe(200)
    await sql`update user_sessions set revoked = true where user_id = ${user.id}`
    await expectRefusal(await misuse(user.api, route), route[1])
  })
})

test('a write by a session that died a request ago changes nothing', async () => {
  const user = await aUser()
  const { id } = await user.task()
  await sql`update user_sessions set revoked = true where user_id = ${user.id}`
  await user.api('POST', '/tasks', { title: 'canary too late' })
  await user.api('PUT', `/tasks/${id}`, { title: 'canary too late' })
  await user.api('POST', '/tasks/bulk-delete', { task_ids: [id] })
  await user.api('DELETE', `/tasks/${id}`)
  const rows = await sql`select title, version from tasks where user_id = ${user.id}`
  expect(rows).toEqual([{ title: 'canary title', version: 1 }])
})

test('another session of the same user lives on', async () => {
  const user = await aUser()
  const again = await aUser()
  await sql`update user_sessions set user_id = ${user.id} where user_id = ${again.id}`
  await sql`update user_sessions set revoked = true where user_id = ${user.id}
    and id = (select id from user_sessions where user_id = ${user.id} order by created_at limit 1)`
  await expectRefusal(await user.api('GET', '/tasks'), 'GET')
  expect((await again.api('GET', '/tasks')).status).toBe(200)
})

describe("another user's task and no task get the same 404 from", () => {
  /** All that may differ: who is asked when, and what is left of the budget. */
  async function seen(response: Response) {
    const body = (await response.text())
      .replace(/"timestamp":"[^"]*"/, '"timestamp":""')
      .replace(/"request_id":"[^"]*"/, '"request_id":""')
    const headers = [...response.headers].filter(([name]) => !/^(x-request-id|(x-)?ratelimit.*)$/.test(name))
    const limits = [...response.headers.keys()].filter((name) => /ratelimit/.test(name))
    return { status: response.status, body, headers, limits }
  }

  test.each([
    ['GET', undefined, {}],
    ['HEAD', undefined, {}],
    ['GET', undefined, { 'If-None-Match': '*' }],
    ['GET', undefined, { 'If-Match': '"1"' }],
    ['PUT', { title: 'canary stolen' }, {}],
    ['PUT', { title: 'canary title' }, { 'If-Match': '"1"' }],
    ['PATCH', { title: 'canary stolen' }, { 'If-Match': '"7"' }],
    ['PATCH', { description: null }, {}],
    ['DELETE', undefined, {}],
    ['DELETE', undefined, { 'If-Match': '*' }],
  ])('%s with %o and %o', async (method, body, headers) => {
    const [user, owner] = [await aUser(), await aUser()]
    const id = await aRow(owner.id)
    const theirs = await user.api(method, `/tasks/${id}`, body, headers)
    expect(await sql`select title, version from tasks where id = ${id}`).toEqual([
      { title: 'canary title', version: 1 },
    ])
    if (method !== 'HEAD') await expectProblem(theirs.clone(), 404, 'not_found')
    await sql`delete from tasks where id = ${id}`
    const none = await user.api(method, `/tasks/${id}`, body, headers)
    expect(none.status).toBe(404)
    expect(await seen(theirs)).toEqual(await seen(none))
  })
})
