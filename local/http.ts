import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Call {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
}

/** JSON over HTTP on 127.0.0.1. A taken port rejects with Node's own EADDRINUSE. */
export async function listen(port: number, answer: (call: Call) => Promise<Answer>) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const { method = '', url: path = '', headers } = request
      const reply = await answer({ method, path, headers, body: Buffer.concat(chunks).toString() }).catch(
        (error): Answer => ({ status: 500, body: { message: String(error), error: String(error) } }),
      )
      const json = JSON.stringify(reply.body)
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
