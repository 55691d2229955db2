import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Workerd } from '../../local/workerd.ts'
import { aToken, send, startWorkers } from './workers.ts'

/** A Redis that can be taken away: what it is asked then hangs for ever. */
const upstream = inject('world').UPSTASH_REDIS_REST_URL
const redis = { isAway: false, asked: 0 }
let server: Server
let worker: Workerd

beforeAll(async () => {
  server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    redis.asked += 1
    if (!redis.isAway) {
      const { authorization = '' } = incoming.headers
      const headers = { Authorization: authorization, 'Content-Type': 'application/json' }
      const answer = await fetch(upstream, { method: 'POST', headers, body: Buffer.concat(chunks) })
      response.writeHead(answer.status).end(await answer.text())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const workers = await startWorkers(1, {
    UPSTASH_REDIS_REST_URL: url,
    RATE_LIMIT_READS: '999999',
    RATE_LIMIT_WRITES: '999999',
  })
  worker = workers[0] as Workerd
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

test('an outage of Redis costs no 5xx and few requests their time, and within 15 s of its return it is asked, and decides again', async () => {
  const token = await aToken()
  const shared = async () => (await send(worker, token, 'GET')).shared
  // A machine that is busy may let the first answers be late.
  while (!(await shared())) await new Promise((resolve) => setTimeout(resolve, 500))

  Object.assign(redis, { isAway: true, asked: 0 })
  const statuses = new Set<number>()
  for (let i = 0; i < 500; i++) statuses.add((await send(worker, token, i % 5 ? 'GET' : 'POST')).status)
  expect([...statuses].sort()).toEqual([200, 201])
  expect(redis.asked).toBeGreaterThanOrEqual(3)
  expect(redis.asked).toBeLessThanOrEqual(500 / 100)

  Object.assign(redis, { isAway: false, asked: 0 })
  const back = Date.now()
  while (!redis.asked) {
    await shared()
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  expect(Date.now() - back).toBeLessThan(15_000)
  // Where the answer is late, the next is asked for ten seconds on.
  while (!(await shared())) await new Promise((resolve) => setTimeout(resolve, 250))

  const log = await worker.close()
  const lines = log.split('\n').filter((line) => line.includes('"event":"limiter"'))
  expect(lines.slice(-2).map((line) => JSON.parse(line).mode)).toEqual(['degraded', 'redis'])
})
