import { expect, test } from 'vitest'
import { apiWith, envWith, type Fault, UNLIMITED } from '../faults.ts'
import { aUser, sql, type Task } from '../support.ts'

/** The answer is lost after COMMIT; now and then the request is lost before, or everything is well. */
const FAULTS: Fault[] = [
  'reset,after',
  'reset,after',
  'early-close',
  'truncated',
  'html,code=502,after',
  'status,code=500,after',
  'status,code=400,after',
  'reset',
  'status,code=507',
  'none',
]

/** A client that knows no more than the protocol: no answer or a 5xx → the same request again. */
async function insist(send: () => Promise<Response>): Promise<{ task: Task; tries: number }> {
  for (let tries = 1; tries <= 5; tries++) {
    const response = await send()
    if (response.status === 201) return { task: await response.json(), tries }
    expect(response.status).toBe(503)
    await response.body?.cancel()
  }
  throw new Error('five tries were not enough')
}

test('1,000 creations through faults around COMMIT: none lost, none doubled', async () => {
  const user = await aUser()
  const told = new Map<string, number>()
  const queue = Array.from({ length: 1_000 }, (_, n) => n).values()
  let again = 0
  const worker = async () => {
    for (const n of queue) {
      const key = `canary-${n}-${crypto.randomUUID()}`
      const fault = FAULTS[n % FAULTS.length] as Fault
      const neon: Fault = fault === 'none' ? 'none' : (`${fault},on=insert,once=${key}` as Fault)
      const api = apiWith(envWith({ neon, ...UNLIMITED }), user.token)
      const title = `canary ${n}`
      const { task, tries } = await insist(() => api('POST', '/tasks', { title }, { 'Idempotency-Key': key }))
      if (tries > 1) again += 1
      told.set(title, task.id)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  const rows = await sql`select id, title from tasks where user_id = ${user.id}`
  expect(rows).toHaveLength(1_000)
  expect(new Map(rows.map(({ id, title }) => [title, Number(id)]))).toEqual(told)
  // Each fault struck: nine in ten clients had to ask again.
  expect(again).toBe(900)
})
