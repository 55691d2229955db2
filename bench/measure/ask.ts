import { Agent, type IncomingHttpHeaders, request as open } from 'node:http'
import type { User } from '../world/data.ts'
import type { StackName } from '../world/stacks.ts'
import { bearer, type Operation, request } from './operations.ts'

/** The load generator's one way to ask, over connections that are kept. */

export interface Call {
  method: string
  path: string
  body?: string
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  json(): unknown
}

// A connection that nobody used for so long is closed here: some servers do it after 5 s, in a race with the next request.
const agent = new Agent({ keepAlive: true, timeout: 4_000 })

export function ask(url: string, authorization: string, { method, path, body }: Call): Promise<Answer> {
  const headers = {
    authorization,
    ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  }
  return new Promise((resolve, reject) => {
    const asked = open(`${url}${path}`, { agent, method, headers, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, json: () => JSON.parse(Buffer.concat(chunks).toString()) })
      })
    })
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} within 10 s`)))
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Throws at anything but a success: figures of failures are worth nothing. Nor are those of a limiter left out. */
export async function succeed(
  url: string,
  stack: StackName,
  user: User,
  operation: Operation,
): Promise<void> {
  const { status, headers } = await ask(url, bearer(stack, user), request(operation, user))
  if (status < 200 || status > 299) throw new Refused(`${stack} answers ${operation} with ${status}`, status)
  // This Worker says how many are left only where Redis counted them.
  if (stack === 'worker' && !headers.ratelimit) throw new Error(`${stack} counts without Redis`)
}

export class Refused extends Error {
  readonly status: number
  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}
