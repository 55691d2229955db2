import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Call {
  method: string
  path: string
  headers: IncomingHttpHeaders
  /** Empty when it is larger than MAX_BODY_BYTES: `bytes` tells. */
  body: string
  bytes: number
  /** Aborts when the client hangs up before it has its answer. */
  signal: AbortSignal
}

export interface Answer {
  status: number
  body?: unknown
  /** In place of a body: the same, written already. */
  json?: string
  headers?: Record<string, string>
}

/** What Neon and Upstash take, and what Neon gives. */
export const MAX_BODY_BYTES = 10 * 1024 * 1024

/** A page in a browser can let a name of its own lead to 127.0.0.1 (DNS rebinding), but the Host header tells. */
export const isThisMachine = (host = '') => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)

/** JSON over HTTP on 127.0.0.1. A taken port rejects with Node's own EADDRINUSE. */
export async function listen(port: number, answer: (call: Call) => Promise<Answer>) {
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    const gone = new AbortController()
    response.on('close', () => response.writableFinished || gone.abort())
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
    })
    request.on('end', async () => {
      const body = bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString() : ''
      const reply = await (isThisMachine(headers.host)
        ? answer({ method, path, headers, body, bytes, signal: gone.signal })
        : misdirected()
      ).catch((error): Answer => ({ status: 500, body: { message: String(error), error: String(error) } }))
      const { json = JSON.stringify(reply.body) } = reply
      response.writeHead(reply.status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(json),
        ...reply.headers,
      })
      response.end(json)
    })
  })
  // By default Node hangs up on a quiet client after 5 s, in a race with the client's next request.
  server.keepAliveTimeout = 0

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function misdirected(): Promise<Answer> {
  const error = 'This server answers to localhost and 127.0.0.1 alone'
  return { status: 421, body: { message: error, error } }
}
