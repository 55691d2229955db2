import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import type { Env } from '../src/env.ts'
import { apiWith, envWith, type Fault } from './faults.ts'
import { misuse, misusedRoutes, refusals } from './refusals.ts'
import { beyondCounting } from './statuses.ts'
import { aRow, aSession, aToken, aUser, client, hashOf, type Task } from './support.ts'
import { logged } from './watch.ts'

test('a request is one JSON line: which, on what route, how it ended and how long it took', async () => {
  const user = await aUser()
  const { id } = await user.task()
  const lines = await logged(async () => {
    await user.api('PATCH', `/tasks/${id}`, { completed: true }, { 'X-Request-Id': 'canary-id' })
  })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] as string)).toMatchObject({
    level: 'info',
    event: 'request',
    request_id: 'canary-id',
    method: 'PATCH',
    route: '/tasks/:id',
    status: 200,
    duration_ms: expect.any(Number),
  })
})

test('every answer has its line, refusals and failures included', async () => {
  const user = await aUser()
  const statuses: number[] = []
  const lines = await logged(async () => {
    const answers = [
      () => client()('GET', '/health'),
      () => client()('GET', '/canary'),
      () => client()('PATCH', '/tasks', {}),
      () => client()('OPTIONS', '/tasks'),
      () => client()('GET', '/tasks'),
      () => client(aToken())('GET', '/tasks'),
      () => user.api('HEAD', '/tasks'),
      () => user.api('POST', '/tasks', '{'),
      () => user.api('POST', '/tasks', ' '.repeat(70_000)),
      () => apiWith(envWith({ neon: 'refused' }), user.token)('GET', '/tasks'),
    ]
    for (const answer of answers) statuses.push((await answer()).status)
  })
  expect(statuses).toEqual([200, 404, 405, 204, 401, 401, 200, 400, 413, 503])
  const logs = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'request')
  expect(logs.map(({ status }) => status).sort()).toEqual([...statuses].sort())
  expect(new Set(logs.map(({ request_id }) => request_id)).size).toBe(statuses.length)
  for (const { level, status } of logs) expect(level).toBe(status >= 500 ? 'error' : 'info')
})

test('no token, hash, text, secret or password is ever logged, in success, refusal or failure', async () => {
  const PREVIOUS = 'canary-previous-secret-of-the-log-tests'
  const user = await aUser()
  const id = await aRow(user.id, { title: 'canary row', description: 'canary description' })
  const old = await aSession(user.id, { secret: PREVIOUS })
  const raw = aToken()
  const headers = {
    'Idempotency-Key': 'canary-idempotency-key',
    Cookie: 'canary=canary',
    'X-Forwarded-For': 'canary',
    'User-Agent': 'canary',
    Referer: 'https://canary.example/',
    'X-Request-Id': 'canary not an id',
  }
  const failures: Fault[] = [
    'refused',
    'reset',
    'status,code=500',
    'status,code=400',
    'html,code=502',
    'truncated',
  ]
  const statuses = new Set<number>()
  const lines = await logged(async () => {
    const note = async (pending: Promise<Response>) => {
      const response = await pending
      statuses.add(response.status)
      return response
    }
    const created = await note(
      user.api('POST', '/tasks', { title: 'canary', description: 'canary' }, headers),
    )
    const task: Task = await created.json()
    await note(user.api('POST', '/tasks', { title: 'canary other' }, headers))
    await note(user.api('GET', '/tasks?completed=canary&cursor=canary&canary=canary', undefined, headers))
    await note(user.api('GET', '/tasks?cursor=v1.1.1.canarycanarycanarycana', undefined, headers))
    await note(user.api('GET', '/tasks/canary'))
    await note(user.api('GET', `/canary/${user.token}`))
    await note(user.api('PUT', `/tasks/${id}`, { title: 'canary '.repeat(60) }))
    await note(user.api('PUT', `/tasks/${id}`, { title: 'canary' }, { 'If-Match': '"canary"' }))
    await note(user.api('POST', '/tasks', '{"canary":', { ...headers, 'Idempotency-Key': 'canary-2' }))
    await note(user.api('POST', '/tasks', 'canary', { 'Content-Type': 'canary/canary' }))
    await note(user.api('POST', '/tasks/bulk-delete', { task_ids: ['canary'] }))
    await note(user.api('DELETE', `/tasks/${task.id}`))
    for (const { header } of refusals) {
      const credentials = await header()
      await note(
        client()('GET', '/tasks', undefined, credentials === undefined ? {} : { Authorization: credentials }),
      )
    }
    for (const route of misusedRoutes) await note(misuse(client(raw), route))
    await beyondCounting(id)
    await note(user.api('PATCH', `/tasks/${id}`, { title: 'canary overflow' }))
    await note(apiWith(envWith({ SESSION_HASH_SECRET_PREVIOUS: PREVIOUS }), old)('GET', '/tasks'))
    for (const neon of failures) {
      const api = apiWith(envWith({ neon }), user.token)
      await note(api('GET', '/tasks'))
      await note(api('POST', '/tasks', { title: 'canary' }, headers))
      await note(api('GET', '/health/ready'))
    }
    for (const upstash of ['refused', 'status,code=500', 'html,code=502', 'wrong-types'] as const) {
      const api = apiWith(envWith({ upstash }), user.token)
      for (let i = 0; i < 4; i += 1) await note(api('GET', '/tasks'))
    }
    const wrong: Env[] = [
      { SESSION_HASH_SECRET: 'canary-short' },
      { DATABASE_URL: 'canary://canary:canary@canary/canary' },
      { UPSTASH_REDIS_REST_TOKEN: 'canary-wrong-token' },
      { DATABASE_URL: env.DATABASE_URL.replace('canary-database-password', '') },
    ]
    for (const settings of wrong) await note(apiWith(envWith(settings), user.token)('GET', '/tasks'))
  })

  for (const status of [200, 201, 204, 400, 401, 404, 412, 415, 422, 500, 503])
    expect(statuses).toContain(status)
  const output = lines.join('\n')
  expect(lines.length).toBeGreaterThan(60)
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  expect(output.match(/.*canary.*/gi) ?? []).toEqual([])
  const secrets = {
    hash: await hashOf(user.token),
    'hash of an unknown token': await hashOf(raw),
    'previous hash': await hashOf(old, PREVIOUS),
    'Redis token': env.UPSTASH_REDIS_REST_TOKEN,
  }
  for (const [name, secret] of Object.entries(secrets)) expect(output.includes(secret), name).toBe(false)
})
