import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiWith, envWith, UNLIMITED } from '../faults.ts'
import { aUser, type Call, etagOf, sql, type Task, type User } from '../support.ts'
import { explains, type Operation, type Outcome } from './serial.ts'

const unlimited = envWith(UNLIMITED)

async function anEditor(): Promise<User> {
  const user = await aUser()
  return { ...user, api: apiWith(unlimited, user.token) }
}

const times = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i))

/** All of `items`, `width` at a time. */
async function each<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  await Promise.all(
    times(width, async () => {
      for (const item of rest) await work(item)
    }),
  )
}

test('50 concurrent sends of each of 200 keys are 200 tasks and 10,000 answers with the right id', async () => {
  const users = await Promise.all(times(10, anEditor))
  const keys = times(200, (n) => ({ user: users[n % 10] as User, key: `canary-${n}`, title: `canary ${n}` }))
  const told = new Map<string, number>()
  let answers = 0
  await each(keys, 4, async ({ user, key, title }) => {
    const responses = await Promise.all(
      times(50, () => user.api('POST', '/tasks', { title }, { 'Idempotency-Key': key })),
    )
    const tasks = await Promise.all(
      responses.map(async (response) => {
        expect(response.status).toBe(201)
        answers += 1
        return (await response.json()) as Task
      }),
    )
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(1)
    expect(tasks.every((task) => task.title === title && task.user_id === user.id)).toBe(true)
    expect(responses.filter(({ headers }) => !headers.has('Idempotency-Replayed'))).toHaveLength(1)
    told.set(title, tasks[0]?.id as number)
  })
  const rows = await sql`select id, title from tasks where user_id = any(${users.map(({ id }) => id)})`
  expect(answers).toBe(10_000)
  expect(rows).toHaveLength(200)
  expect(new Map(rows.map(({ id, title }) => [title, Number(id)]))).toEqual(told)
})

test('a key that has expired, sent 50 times at once, is one new task', async () => {
  const user = await anEditor()
  const send = () => user.api('POST', '/tasks', { title: 'canary' }, { 'Idempotency-Key': 'canary' })
  const old = (await (await send()).json()) as Task
  await sql`update idempotency_keys set created_at = now() - interval '25 hours' where user_id = ${user.id}`
  const tasks = await Promise.all(times(50, async () => (await (await send()).json()) as Task))
  const rows = await sql`select id from tasks where user_id = ${user.id} and id <> ${old.id}`
  expect(rows).toHaveLength(1)
  expect(new Set(tasks.map(({ id }) => id))).toEqual(new Set([Number(rows[0]?.id)]))
})

test('of 25 editors of each of 20 tasks, all with the same ETag, exactly one wins', async () => {
  const user = await anEditor()
  const tasks = await Promise.all(times(20, () => user.task()))
  const statuses: number[] = []
  await each(tasks, 4, async ({ id }) => {
    const tag = await etagOf(user.api, `/tasks/${id}`)
    const edits = await Promise.all(
      times(25, async (n) => {
        const title = `canary ${n}`
        const response = await user.api('PATCH', `/tasks/${id}`, { title }, { 'If-Match': tag })
        statuses.push(response.status)
        return { title, status: response.status, tag: response.headers.get('ETag') }
      }),
    )
    const winners = edits.filter(({ status }) => status === 200)
    const task = await user.api('GET', `/tasks/${id}`)
    const { title } = (await task.json()) as Task
    expect(winners).toEqual([{ title, status: 200, tag: task.headers.get('ETag') }])
  })
  expect(statuses.filter((status) => status === 200)).toHaveLength(20)
  expect(statuses.filter((status) => status === 412)).toHaveLength(480)
})

/** Up to five requests at once, on up to three tasks; titles are few, so that some changes change nothing. */
const row = fc.nat({ max: 2 })
const title = fc.constantFrom('canary', 'canary a', 'canary b')
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      row,
      title,
      asItWas: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('bulk-delete' as const),
      rows: fc.uniqueArray(row, { minLength: 1 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      row,
      asItWas: fc.boolean(),
    }),
  },
)

interface Row {
  id: number
  /** As it was before all operations. */
  tag: string
}

async function perform(api: Call, rows: readonly Row[], operation: Operation): Promise<Outcome> {
  const ids = rows.map(({ id }) => id)
  if (operation.kind === 'bulk-delete') {
    const response = await api('POST', '/tasks/bulk-delete', {
      task_ids: operation.rows.map((row) => ids[row]),
    })
    const { deleted } = (await response.json()) as { deleted: number[] }
    return { status: response.status, deleted: deleted.map((id) => ids.indexOf(id)).toSorted() }
  }
  const { id, tag } = rows[operation.row] as Row
  const path = `/tasks/${id}`
  const headers: Record<string, string> = operation.asItWas ? { 'If-Match': tag } : {}
  if (operation.kind === 'delete') return { status: (await api('DELETE', path, undefined, headers)).status }
  const response = await api('PATCH', path, { title: operation.title }, headers)
  if (response.status !== 200) return { status: response.status }
  const changed = response.headers.get('ETag') !== tag
  return { status: 200, changed, title: ((await response.json()) as Task).title }
}

test('bulk-delete against PATCH and DELETE: each of 1,000 histories is explained by some serial order', async () => {
  const user = await anEditor()
  const histories = fc.sample(fc.array(operation, { minLength: 2, maxLength: 5 }), 1_000)
  let contended = 0
  await each(histories, 6, async (operations) => {
    const rows = await sql`insert into tasks (user_id, title)
      select ${user.id}, 'canary' from generate_series(1, 3) returning id`
    const ids = rows.map(({ id }) => Number(id))
    const tagged = await Promise.all(
      ids.map(async (id) => ({ id, tag: await etagOf(user.api, `/tasks/${id}`) })),
    )
    const outcomes = await Promise.all(operations.map((operation) => perform(user.api, tagged, operation)))
    const stored = await sql`select id, title, version from tasks where id = any(${ids}) order by id`
    const left = new Map(
      stored.map(({ id, title, version }) => [ids.indexOf(Number(id)), { title, version }]),
    )
    const orders = explains(operations, outcomes, left)
    expect(orders, JSON.stringify({ operations, outcomes, left: [...left] })).toBeGreaterThan(0)
    if (outcomes.some(({ status }) => status === 404 || status === 412)) contended += 1
  })
  // The histories are worth something only where requests met.
  expect(contended).toBeGreaterThan(300)
})

test('two bulk-deletes of the same tasks in opposite order delete each task once, and never block each other', async () => {
  const user = await anEditor()
  await each(
    times(20, (n) => n),
    2,
    async () => {
      const rows = await sql`insert into tasks (user_id, title)
      select ${user.id}, 'canary' from generate_series(1, 500) returning id`
      const ids = rows.map(({ id }) => Number(id))
      const answers = await Promise.all(
        [ids, ids.toReversed()].map(async (task_ids) => {
          const response = await user.api('POST', '/tasks/bulk-delete', { task_ids })
          expect(response.status).toBe(200)
          return (await response.json()) as { deleted: number[]; not_found: number[] }
        }),
      )
      expect(answers.flatMap(({ deleted }) => deleted).toSorted((a, b) => a - b)).toEqual(ids)
      expect(answers.flatMap(({ not_found }) => not_found).toSorted((a, b) => a - b)).toEqual(ids)
    },
  )
})
