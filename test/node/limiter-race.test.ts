import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Workerd } from '../../local/workerd.ts'
import { aToken, send, startWorkers, tasksOf } from './workers.ts'

/** The budget holds over any number of instances. */

let workers: Workerd[]
beforeAll(async () => {
  workers = await startWorkers(3)
  // Each loads the script, and compiles itself.
  for (const worker of workers) await send(worker, await aToken(), 'GET')
})
afterAll(async () => {
  for (const worker of workers) await worker.close()
})

async function roomInWindow(seconds: number): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000)
  if (left < seconds * 1000) await new Promise((resolve) => setTimeout(resolve, left + 50))
}

/** An earlier round may have left a breaker open. */
async function allShare(): Promise<void> {
  for (const worker of workers) {
    while (!(await send(worker, await aToken(), 'GET')).shared) {
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

// On a machine that is busy with other things, Redis itself may miss its deadline: then the round says nothing.
test('a thousand requests at once, through three processes: 100 reads and 30 writes', {
  retry: 3,
}, async () => {
  const token = await aToken()
  await allShare()
  await roomInWindow(15)
  const minute = Math.floor(Date.now() / 60_000)
  const answers = await Promise.all(workers.map((worker) => send(worker, token, 'GET')))
  const rest = Array.from({ length: 997 }, (_, i) => send(workers[i % 3], token, i % 10 < 3 ? 'POST' : 'GET'))
  answers.push(...(await Promise.all(rest)))
  expect(Math.floor(Date.now() / 60_000)).toBe(minute)
  const count = (status: number) => answers.filter((answer) => answer.status === status).length
  const unshared = answers.filter(({ shared }) => !shared).length
  expect(unshared, 'requests for which Redis did not answer in time, so that the isolate decided').toBe(0)
  expect([count(200), count(201), count(429)]).toEqual([100, 30, 870])
  expect(await tasksOf(token)).toBe(30)
})
