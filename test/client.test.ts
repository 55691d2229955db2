import { exports } from 'cloudflare:workers'
import { hc, type InferRequestType, type InferResponseType } from 'hono/client'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { Refused, SignedOut, tasksOf } from '../examples/client.ts'
import type { AppType } from '../src/app.ts'
import type { FieldError } from '../src/problem.ts'
import { aToken, aUser, type Task } from './support.ts'

const url = 'https://api.test'
const fetch: typeof globalThis.fetch = (input, init) => exports.default.fetch(new Request(input, init))

describe('the example', () => {
  test('creates, lists and changes tasks', async () => {
    const { token } = await aUser()
    const tasks = tasksOf(token, url, fetch)
    const task = await tasks.create({ title: 'canary example' })
    expect(await tasks.patch(task.id, { completed: true })).toMatchObject({ id: task.id, completed: true })
    expect(await tasks.list({ completed: 'true' })).toMatchObject([{ id: task.id }])
    expect(await tasks.list({ completed: 'false' })).toEqual([])
  })

  test('says that somebody else has changed the task', async () => {
    const { token, task } = await aUser()
    const { id } = await task()
    const change = tasksOf(token, url, fetch).patch(id, { completed: true }, '"0"')
    await expect(change).rejects.toMatchObject({ problem: { type: 'precondition_failed' } })
  })

  test('says what does not fit', async () => {
    const { token } = await aUser()
    const create = tasksOf(token, url, fetch).create({ title: ' ' })
    await expect(create).rejects.toThrow(Refused)
    await expect(create).rejects.toMatchObject({ problem: { errors: [{ field: 'title' }] } })
  })

  test('says that the session is over', async () => {
    await expect(tasksOf(aToken(), url, fetch).list()).rejects.toThrow(SignedOut)
  })

  test('waits as long as a 429 tells it to, and makes one task', async () => {
    const { token } = await aUser()
    let attempts = 0
    const keys = new Set<string | null>()
    const busyOnce: typeof fetch = async (input, init) => {
      keys.add(new Headers(init?.headers).get('Idempotency-Key'))
      attempts += 1
      return attempts === 1
        ? new Response(null, { status: 429, headers: { 'Retry-After': '1' } })
        : fetch(input, init)
    }
    const started = Date.now()
    await tasksOf(token, url, busyOnce).create({ title: 'canary patience' })
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000)
    expect([attempts, keys.size]).toEqual([2, 1])
  })
})

describe('hc<AppType> knows', () => {
  const { index, health, tasks } = hc<AppType>(url)
  const task = tasks[':id']

  test('what each route takes', () => {
    expectTypeOf<InferRequestType<typeof tasks.$get>>().toEqualTypeOf<{
      query: { completed?: string | undefined; limit?: string | undefined; cursor?: string | undefined }
    }>()
    expectTypeOf<InferRequestType<typeof tasks.$post>['json']>().toEqualTypeOf<{
      title: string
      description?: string | null | undefined
      completed?: boolean | undefined
    }>()
    expectTypeOf<InferRequestType<typeof task.$patch>['json']>().toEqualTypeOf<{
      title?: string | undefined
      description?: string | null | undefined
      completed?: boolean | undefined
    }>()
    expectTypeOf<InferRequestType<typeof task.$put>>().toEqualTypeOf<InferRequestType<typeof task.$patch>>()
    expectTypeOf<InferRequestType<typeof task.$delete>>().toEqualTypeOf<{ param: { id: string } }>()
    expectTypeOf<InferRequestType<(typeof tasks)['bulk-delete']['$post']>>().toEqualTypeOf<{
      json: { task_ids: number[] }
    }>()
  })

  test('what each answers with', () => {
    expectTypeOf<InferResponseType<typeof tasks.$get, 200>>().toEqualTypeOf<Task[]>()
    expectTypeOf<InferResponseType<typeof tasks.$post, 201>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$get, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$put, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$patch, 200>>().toEqualTypeOf<Task>()
    expectTypeOf<InferResponseType<typeof task.$delete, 204>>().toEqualTypeOf<null>()
    expectTypeOf<InferResponseType<(typeof tasks)['bulk-delete']['$post'], 200>>().toEqualTypeOf<{
      deleted: number[]
      not_found: number[]
    }>()
    expectTypeOf<InferResponseType<typeof index.$get, 200>>().toHaveProperty('links')
    expectTypeOf<InferResponseType<typeof health.ready.$get, 503>>().toHaveProperty('status')
  })

  test('which problem comes with which status', () => {
    expectTypeOf<InferResponseType<typeof tasks.$post, 400>['errors']>().toEqualTypeOf<FieldError[]>()
    expectTypeOf<InferResponseType<typeof tasks.$get, 401>['type']>().toEqualTypeOf<'authentication_error'>()
    expectTypeOf<InferResponseType<typeof task.$get, 404>['status']>().toEqualTypeOf<404>()
    expectTypeOf<InferResponseType<typeof task.$patch, 429>['retry_after']>().toEqualTypeOf<number>()
  })

  test('nothing that is not there', () => {
    expectTypeOf(tasks).not.toHaveProperty('$delete')
    expectTypeOf<InferResponseType<typeof tasks.$get, 200>>().not.toBeAny()
    expectTypeOf<InferResponseType<typeof tasks.$post, 201>>().not.toBeAny()
    // @ts-expect-error: a title is text
    const body: InferRequestType<typeof tasks.$post>['json'] = { title: 1 }
    expect(body).toBeDefined()
  })
})
