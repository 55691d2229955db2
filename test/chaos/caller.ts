import { Agent, request } from 'node:http'

/** What a client knows after a call. */
export type Outcome =
  | { kind: 'answered'; status: number; body: unknown; headers: Record<string, string> }
  /** The port refused, or the problem says that nothing was changed. */
  | { kind: 'unchanged' }
  /** The connection broke, or the problem says that the write may or may not have taken effect. */
  | { kind: 'unknown' }

export interface Sample {
  at: number
  ms: number
  status: number
}

const PATIENCE_MS = 20_000
const TOO_LONG_MS = 10_000

/** Calls one Worker over connections that are kept, and writes down how each call went. */
export class Caller {
  readonly samples: Sample[] = []
  readonly faults: string[] = []
  readonly bodies: string[] = []
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(port: number) {
    this.#port = port
  }

  async call(
    token: string,
    method: string,
    path: string,
    body?: unknown,
    more: Record<string, string> = {},
  ): Promise<Outcome> {
    const at = Date.now()
    const answer = await this.#send(token, method, path, body, more).catch(
      (error: NodeJS.ErrnoException) => error,
    )
    const ms = Date.now() - at
    const status = answer instanceof Error ? 0 : answer.status
    this.samples.push({ at, ms, status })
    if (ms > TOO_LONG_MS) this.faults.push(`${method} ${path} took ${ms} ms`)
    if (answer instanceof Error) return { kind: answer.code === 'ECONNREFUSED' ? 'unchanged' : 'unknown' }
    if (status >= 400) this.bodies.push(answer.text)
    if (status === 503) {
      const isUnknown = answer.text.includes('may or may not have taken effect')
      if (!answer.headers['retry-after']) this.faults.push('a 503 without Retry-After')
      return { kind: isUnknown ? 'unknown' : 'unchanged' }
    }
    if (status >= 500) this.faults.push(`${method} ${path} answered ${status} ${answer.text}`)
    const parsed: unknown = answer.text === '' ? undefined : JSON.parse(answer.text)
    return { kind: 'answered', status, body: parsed, headers: answer.headers }
  }

  #send(token: string, method: string, path: string, body: unknown, more: Record<string, string>) {
    return new Promise<{ status: number; text: string; headers: Record<string, string> }>(
      (resolve, reject) => {
        const headers = {
          Authorization: `Bearer ${token}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...more,
        }
        const options = { agent: this.#agent, port: this.#port, host: '127.0.0.1', method, path, headers }
        const outgoing = request({ ...options, timeout: PATIENCE_MS }, (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('close', () => reject(new Error('cut off')))
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              text: Buffer.concat(chunks).toString(),
              headers: incoming.headers as Record<string, string>,
            }),
          )
        })
        outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')))
        outgoing.on('error', reject)
        outgoing.end(body === undefined ? undefined : JSON.stringify(body))
      },
    )
  }

  close(): void {
    this.#agent.destroy()
  }
}
