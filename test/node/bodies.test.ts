import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Workerd } from '../../local/workerd.ts'
import { aToken, send, startWorkers, tasksOf } from './workers.ts'

/** Bodies that are slow, broken or not asked for, byte by byte to the Worker as it is deployed. */

let worker: Workerd
let log: string
beforeAll(async () => {
  ;[worker] = (await startWorkers(1)) as [Workerd]
  await send(worker, await aToken(), 'GET')
})
afterAll(async () => {
  log = await worker.close()
  // Whatever a client does with its body, nobody is woken for it.
  expect(log).toContain('"event":"request"')
  expect(log).not.toContain('"level":"error"')
})

interface Answer {
  status: number
  problem: { type: string; errors?: { code: string }[] }
  socket: Socket
}

/** Sends the parts as they are, one a second, and leaves the connection open; resolves with what is answered. */
function exchange(head: string[], parts: string[], token?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(worker.url).port), '127.0.0.1')
    const lines = [...head, 'Host: api.test', 'Content-Type: application/json']
    if (token) lines.push(`Authorization: Bearer ${token}`)
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const later = [...parts]
    const timer = setInterval(() => {
      const part = later.shift()
      if (part !== undefined) socket.write(part)
    }, 1_000)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      const [top = '', body] = text.split('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(top)?.[1] ?? 0)
      if (body === undefined || body.length < length) return
      clearInterval(timer)
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(top)?.[1])
      resolve({ status, problem: body ? JSON.parse(body) : undefined, socket })
    })
    socket.on('error', reject)
    socket.on('close', () => {
      clearInterval(timer)
      reject(new Error(`closed after ${text}`))
    })
  })
}

/** A body that would take a minute, one byte a second. */
const TRICKLE = Array.from({ length: 60 }, () => ' ')
const CHUNKED = 'Transfer-Encoding: chunked'
const trickled = (framing: string) =>
  framing === CHUNKED ? TRICKLE.map((byte) => `1\r\n${byte}\r\n`) : TRICKLE

describe.concurrent.each(['Content-Length: 60000', CHUNKED])('a body that trickles (%s)', (framing) => {
  test.each([
    ['POST /tasks', 401],
    ['PATCH /tasks/1', 401],
    ['GET /tasks', 401],
    ['POST /nope', 404],
    ['DELETE /health', 405],
    ['GET /health', 200],
    ['GET /', 200],
  ])('is not waited for where nobody is let in, or nobody reads it: %s', async (route, status) => {
    const { socket, ...answer } = await exchange(
      [`${route} HTTP/1.1`, framing],
      trickled(framing).slice(0, 1),
    )
    socket.destroy()
    expect(answer.status).toBe(status)
  })

  test('is waited for ten seconds where a route reads it', async () => {
    const token = await aToken()
    const started = Date.now()
    const { status, problem, socket } = await exchange(
      ['POST /tasks HTTP/1.1', framing],
      trickled(framing),
      token,
    )
    socket.destroy()
    expect([status, problem.type]).toEqual([408, 'request_timeout'])
    expect(Date.now() - started).toBeGreaterThanOrEqual(9_900)
    expect(await tasksOf(token)).toBe(0)
  })
})

test('a body with a read, however large, is nobody’s business', async () => {
  const token = await aToken()
  for (const path of ['/', '/health', '/tasks']) {
    const head = [`GET ${path} HTTP/1.1`, 'Content-Length: 71680']
    const { status, socket } = await exchange(head, [' '.repeat(71_680)], token)
    socket.destroy()
    expect(status).toBe(200)
  }
})

test.each([
  ['a chunk without a length', ['POST /tasks HTTP/1.1', CHUNKED], ['canary\r\n']],
  [
    'a chunk that is longer than it says',
    ['POST /tasks HTTP/1.1', CHUNKED],
    ['2\r\n{"title":"canary"}\r\n0\r\n\r\n'],
  ],
])('%s is the client’s own fault', async (_, head, parts) => {
  const token = await aToken()
  const { status, problem, socket } = await exchange(head, parts, token)
  socket.destroy()
  expect([status, problem.type]).toEqual([400, 'validation_error'])
  expect(problem.errors).toMatchObject([{ field: 'body', code: 'json_invalid' }])
  expect(await tasksOf(token)).toBe(0)
})

test.each([
  ['POST /tasks', 'Content-Length: 100'],
  ['POST /tasks', CHUNKED],
  ['POST /nope', 'Content-Length: 100'],
  ['GET /health', CHUNKED],
])(
  'a client that leaves in the middle of its body (%s, %s) is served no more, and forgotten',
  async (route, framing) => {
    const token = await aToken()
    const socket = connect(Number(new URL(worker.url).port), '127.0.0.1')
    const head = [
      `${route} HTTP/1.1`,
      'Host: api.test',
      'Content-Type: application/json',
      `Authorization: Bearer ${token}`,
    ]
    socket.on('error', () => {})
    socket.write(
      `${[...head, framing].join('\r\n')}\r\n\r\n${framing === CHUNKED ? '12\r\n' : ''}{"title":"canary"}`,
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    socket.destroy()
    expect((await send(worker, token, 'GET')).status).toBe(200)
    expect(await tasksOf(token)).toBe(0)
  },
)
