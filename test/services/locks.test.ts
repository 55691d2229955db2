import { expect, test } from 'vitest'
import { apiWith, envWith, UNLIMITED } from '../faults.ts'
import { aUser, expectProblem, sql } from '../support.ts'

/** PGlite has one session, so only a server can hold a row locked while the API wants to write to it. */

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

// Each waits for twelve seconds: side by side.
test.concurrent.each([
  ['PATCH', (id: number) => [`/tasks/${id}`, { title: 'canary late' }] as const],
  ['DELETE', (id: number) => [`/tasks/${id}`, undefined] as const],
  ['POST', (id: number) => ['/tasks/bulk-delete', { task_ids: [id] }] as const],
])(
  'a %s of a row that is locked past the deadline is 503, its outcome unknown; and it did not happen',
  async (method, at) => {
    const user = await aUser()
    const { id } = await user.task({ title: 'canary before' })
    const lock = sql.transaction([
      sql`select from tasks where id = ${id} for update`,
      sql`select pg_sleep(12)`,
    ])
    await sleep(500)
    const [path, body] = at(id)
    const started = Date.now()
    const response = await apiWith(envWith(UNLIMITED), user.token)(method, path, body)
    expect(Date.now() - started).toBeLessThan(10_000)
    const { detail } = await expectProblem(response, 503, 'service_unavailable')
    expect(detail).toContain('may or may not have taken effect')

    await lock
    // The lock is free: a statement that still waited for it would run now.
    await sleep(500)
    const rows = await sql`select title, version from tasks where id = ${id}`
    expect(rows).toEqual([{ title: 'canary before', version: 1 }])
  },
)
