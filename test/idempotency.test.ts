import { createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import type { Env } from '../src/env.ts'
import worker from '../src/index.ts'
import { apiWith, envWith, UNLIMITED } from './faults.ts'
import { aSession, aUser, client, etagOf, expectProblem, sql, type Task, type User } from './support.ts'
import { trips } from './watch.ts'

const aKey = () => `canary-${crypto.randomUUID()}`

const send = (user: User, key: string, body: unknown = { title: 'canary once' }) =>
  user.api('POST', '/tasks', body, { 'Idempotency-Key': key })

const rows = async (user: User) => await sql`select id from tasks where user_id = ${user.id} order by id`

async function created(response: Response): Promise<Task> {
  const text = await response.text()
  expect(response.status, text).toBe(201)
  return JSON.parse(text)
}

/** Moves a key's first use into the past. */
const age = (user: User, interval: string) =>
  sql`update idempotency_keys set created_at = now() - ${interval}::interval where user_id = ${user.id}`

describe('POST /tasks with an Idempotency-Key', () => {
  test('sent again answers the same 201, header for header, and creates nothing', async () => {
    const user = await aUser()
    const key = aKey()
    const body = { title: 'canary once', description: 'canary “twice”', completed: true }
    const first = await send(user, key, body)
    const again = await send(user, key, body)
    const headers = ({ headers }: Response) => [
      headers.get('Location'),
      headers.get('ETag'),
      headers.get('Content-Type'),
    ]
    expect(headers(again)).toEqual(headers(first))
    expect(first.headers.get('Idempotency-Replayed')).toBeNull()
    expect(again.headers.get('Idempotency-Replayed')).toBe('true')
    const text = await first.text()
    expect([again.status, await again.text()]).toEqual([first.status, text])
    expect((await rows(user)).map(({ id }) => Number(id))).toEqual([JSON.parse(text).id])
    expect(await (await user.api('GET', first.headers.get('Location') as string)).text()).toBe(text)
  })

  test('is one statement', async () => {
    const user = await aUser()
    await user.task()
    const { database } = await trips(async () => created(await send(user, aKey())))
    expect(database).toBe(1)
  })

  test.each([
    ['white space and the order of members', '{ "completed":false,\n"title":"  canary once " }'],
    ['members that are not a task’s', { title: 'canary once', canary: 1 }],
    ['defaults written out', { title: 'canary once', description: null, completed: false }],
  ])('takes a body for the same that differs in %s only', async (_, body) => {
    const user = await aUser()
    const key = aKey()
    const { id } = await created(await send(user, key))
    expect(await created(await send(user, key, body))).toMatchObject({ id })
  })

  test.each([
    ['title', { title: 'canary other' }],
    ['description', { title: 'canary once', description: '' }],
    ['completed', { title: 'canary once', completed: true }],
  ])('with another %s is a 422, and the first task stays alone', async (_, body) => {
    const user = await aUser()
    const key = aKey()
    const first = await created(await send(user, key))
    await expectProblem(await send(user, key, body), 422, 'idempotency_key_reused')
    expect(await created(await send(user, key))).toEqual(first)
    expect(await rows(user)).toHaveLength(1)
  })

  test('of one user never meets the same key of another', async () => {
    const [user, other] = [await aUser(), await aUser()]
    const key = aKey()
    const mine = await created(await send(user, key))
    const theirs = await send(other, key, { title: 'canary other' })
    expect(theirs.headers.get('Idempotency-Replayed')).toBeNull()
    expect((await created(theirs)).id).not.toBe(mine.id)
  })

  test('holds over the sessions of a user', async () => {
    const user = await aUser()
    const key = aKey()
    const { id } = await created(await send(user, key))
    const elsewhere = { ...user, api: client(await aSession(user.id)) }
    expect(await created(await send(elsewhere, key))).toMatchObject({ id })
  })

  test('sent again answers as it did, when the task has changed and when it is gone', async () => {
    const user = await aUser()
    const key = aKey()
    const first = await created(await send(user, key))
    await user.api('PATCH', `/tasks/${first.id}`, { title: 'canary changed' })
    expect(await created(await send(user, key))).toEqual(first)
    await user.api('DELETE', `/tasks/${first.id}`)
    expect(await created(await send(user, key))).toEqual(first)
    expect(await rows(user)).toEqual([])
  })

  test('answers an ETag that holds while the task is as it was created, and not after', async () => {
    const user = await aUser()
    const key = aKey()
    await send(user, key)
    const replay = await send(user, key)
    const [path, tag] = ['Location', 'ETag'].map((name) => replay.headers.get(name)) as [string, string]
    expect(await etagOf(user.api, path)).toBe(tag)
    const edit = () => user.api('PATCH', path, { title: 'canary changed' }, { 'If-Match': tag })
    expect((await edit()).status).toBe(200)
    expect((await send(user, key)).headers.get('ETag')).toBe(tag)
    await expectProblem(await edit(), 412, 'precondition_failed')
  })

  test('is not spent by a request that was refused', async () => {
    const user = await aUser()
    const key = aKey()
    await expectProblem(await send(user, key, { title: '' }), 400, 'validation_error')
    await created(await send(user, key))
  })

  test('creates nothing, and keeps no key, for a dead session', async () => {
    const user = await aUser()
    const dead = { ...user, api: client(await aSession(user.id, { revoked: true })) }
    await expectProblem(await send(dead, aKey()), 401, 'authentication_error')
    expect(await rows(user)).toEqual([])
    expect(await sql`select 1 from idempotency_keys where user_id = ${user.id}`).toEqual([])
  })

  test('lives 24 hours', async () => {
    const user = await aUser()
    const key = aKey()
    const { id } = await created(await send(user, key))
    await age(user, '23 hours 59 minutes')
    expect(await created(await send(user, key))).toMatchObject({ id })
    await age(user, '24 hours 1 second')
    const later = await send(user, key, { title: 'canary of the next day' })
    expect(later.headers.get('Idempotency-Replayed')).toBeNull()
    const next = await created(later)
    expect(next.id).not.toBe(id)
    expect(await created(await send(user, key, { title: 'canary of the next day' }))).toEqual(next)
    await expectProblem(await send(user, key), 422, 'idempotency_key_reused')
  })

  test('sent ten times at once creates one task, and everyone is told of it', async () => {
    const user = await aUser()
    const key = aKey()
    const responses = await Promise.all(Array.from({ length: 10 }, () => send(user, key)))
    expect(responses.filter(({ headers }) => headers.has('Idempotency-Replayed'))).toHaveLength(9)
    const ids = await Promise.all(responses.map(async (response) => (await created(response)).id))
    expect(new Set(ids).size).toBe(1)
    expect(await rows(user)).toHaveLength(1)
  })
})

describe('the form of an Idempotency-Key', () => {
  test('quoted (RFC 9651 §3.3.3) or bare is one key', async () => {
    const user = await aUser()
    const key = aKey()
    const { id } = await created(await send(user, key))
    expect(await created(await send(user, `"${key}"`))).toMatchObject({ id })
    const odd = await created(await send(user, String.raw`"canary \"a\\b\""`))
    expect(await created(await send(user, String.raw`canary "a\b"`))).toMatchObject({ id: odd.id })
  })

  test('holds 1 to 255 printable characters', async () => {
    const user = await aUser()
    const every = String.fromCharCode(...Array.from({ length: 93 }, (_, i) => 0x21 + i))
    const keys = ['c', 'a canary, with spaces', every, 'c'.repeat(255), `"${'d'.repeat(255)}"`, '"', "it's"]
    for (const key of keys) {
      const { id } = await created(await send(user, key))
      expect(await created(await send(user, key))).toMatchObject({ id })
    }
    expect(await rows(user)).toHaveLength(keys.length)
  })

  test.each([
    ['', 'string_too_short', 'String should have at least 1 character'],
    ['""', 'string_too_short', 'String should have at least 1 character'],
    ['c'.repeat(256), 'string_too_long', 'String should have at most 255 characters'],
    [`"${'c'.repeat(256)}"`, 'string_too_long', 'String should have at most 255 characters'],
    ['canary\ttab', 'string_invalid', 'String should be of printable ASCII characters'],
    ['canary é', 'string_invalid', 'String should be of printable ASCII characters'],
  ])('%j is a 400, and nothing is created', async (key, code, message) => {
    const user = await aUser()
    const { errors } = await expectProblem(await send(user, key), 400, 'validation_error')
    expect(errors).toEqual([{ field: 'Idempotency-Key', message, code }])
    expect(await rows(user)).toEqual([])
  })

  test('matters to POST /tasks alone', async () => {
    const user = await aUser()
    const { id } = await user.task()
    const headers = { 'Idempotency-Key': '' }
    expect((await user.api('GET', '/tasks', undefined, headers)).status).toBe(200)
    expect((await user.api('PATCH', `/tasks/${id}`, { completed: true }, headers)).status).toBe(200)
    expect((await user.api('DELETE', `/tasks/${id}`, undefined, headers)).status).toBe(204)
  })
})

describe('the hourly purge', () => {
  const purge = (bindings: Env = env) => worker.scheduled(createScheduledController(), bindings)

  test('forgets keys that are past their 24 hours, and no others', async () => {
    const [old, young] = [await aUser(), await aUser()]
    for (const user of [old, young]) await created(await send(user, aKey()))
    await age(old, '24 hours 1 second')
    await age(young, '23 hours 59 minutes')
    await purge()
    const left = await sql`select user_id from idempotency_keys where user_id in (${old.id}, ${young.id})`
    expect(left).toEqual([{ user_id: young.id }])
    expect(await rows(old)).toHaveLength(1)
  })

  test('forgets more than one batch of them, and takes longer than a request may', async () => {
    const user = await aUser()
    await sql`insert into idempotency_keys (user_id, key, body_hash, task_id, created_at)
      select ${user.id}, 'canary ' || n, '', n, now() - interval '2 days' from generate_series(1, 20001) n`
    // Three batches.
    await purge(envWith({ neon: 'delay,ms=3500' }))
    expect(await sql`select count(*)::int from idempotency_keys where user_id = ${user.id}`).toEqual([
      { count: 0 },
    ])
  })
})

describe('a fault between commit and answer', () => {
  const AFTER_COMMIT = [
    'reset,after',
    'early-close',
    'truncated',
    'html,code=502,after',
    'status,code=500,after',
  ] as const

  test.each(AFTER_COMMIT)('(%s): the client that sends again with its key has one task', async (fault) => {
    const user = await aUser()
    const key = aKey()
    const faulty = apiWith(envWith({ neon: `${fault},on=insert,once=${key}`, ...UNLIMITED }), user.token)
    const lost = await send({ ...user, api: faulty }, key)
    const { detail } = await expectProblem(lost, 503, 'service_unavailable')
    expect(detail).toContain('may or may not have taken effect')
    expect(lost.headers.get('Retry-After')).not.toBeNull()
    const [row] = await rows(user)
    const again = await send({ ...user, api: faulty }, key)
    expect(again.headers.get('Idempotency-Replayed')).toBe('true')
    expect((await created(again)).id).toBe(Number(row?.id))
    expect(await rows(user)).toEqual([row])
  })

  test('(before commit): the client that sends again with its key has one task too', async () => {
    const user = await aUser()
    const key = aKey()
    const faulty = apiWith(envWith({ neon: `reset,on=insert,once=${key}`, ...UNLIMITED }), user.token)
    await expectProblem(await send({ ...user, api: faulty }, key), 503, 'service_unavailable')
    expect(await rows(user)).toEqual([])
    const again = await send({ ...user, api: faulty }, key)
    expect(again.headers.get('Idempotency-Replayed')).toBeNull()
    await created(again)
    expect(await rows(user)).toHaveLength(1)
  })
})
