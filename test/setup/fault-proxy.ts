import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Stands in front of a stand-in and passes everything on, unless the caller asks for a fault, by name:
 *
 *   Upstash   UPSTASH_REDIS_REST_URL = `${env.FAULTY_UPSTASH}/~reset,after`
 *   Neon      DATABASE_URL = `${env.DATABASE_URL}?fault=reset,after`, NEON_FETCH_ENDPOINT = env.FAULTY_NEON
 *             (the driver keeps one endpoint an isolate, so the fault travels in the connection string)
 *   a fault   reset | hang | delay,ms=500 | status,code=400 | html,code=502 | truncated | early-close | wrong-types |
 *             trickle (a byte a second); and for "refused": port 1 of 127.0.0.1
 *   a status  with sqlstate=57P01, or with none and says=password: what Neon's proxy says then; says=bare: no object
 *   after     first lets the upstream do its work, and keeps its answer; the last four faults always do
 *   on=insert only requests whose body has the word; once=<uuid> only the first request that names the uuid
 *
 * `apiWith({ neon: 'reset,after' }, token)` of test/faults.ts does all that for the Worker under test.
 */
export async function startFaultProxy(upstream: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const spent = new Set<string>()

  const server = createServer(async (incoming, response) => {
    const call = await read(incoming)
    const fault = chosen(call, spent)
    try {
      const after = fault.options.has('after') || WITH_AN_ANSWER.includes(fault.name)
      const none = fault.name === 'none'
      const answer =
        none || after ? await forward(upstream, agent, call, none ? response : undefined) : undefined
      await faults[fault.name]?.({ response, answer, call, options: fault.options, pass })
    } catch {
      incoming.socket.resetAndDestroy()
    }

    async function pass(call: Call) {
      send(response, await forward(upstream, agent, call, response))
    }
  })
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        agent.destroy()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Call {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: Buffer
  fault: string
}

interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

async function read(incoming: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const { method = 'GET', url = '/', headers } = incoming
  const [, prefix, path = url] = /^\/~([^/]*)(.*)$/.exec(url) ?? []
  const connection = headers['neon-connection-string']
  const fault = typeof connection === 'string' ? new URL(connection).searchParams.get('fault') : prefix
  return { method, path, headers, body: Buffer.concat(chunks), fault: decodeURIComponent(fault ?? '') }
}

/** The fault this call asks for, if it is meant for it. */
function chosen({ fault, body }: Call, spent: Set<string>): { name: string; options: Map<string, string> } {
  const [name = '', ...rest] = fault.split(',')
  const options = new Map(rest.map((option) => option.split('=') as [string, string]))
  const word = options.get('on')
  const once = options.get('once')
  if (!name || (word && !body.includes(word)) || (once && spent.has(once))) return { name: 'none', options }
  if (once) spent.add(once)
  if (!faults[name]) throw new Error(`no fault is called ${name}`)
  return { name, options }
}

/** A client that hangs up is gone for the upstream too. */
function forward(
  upstream: string,
  agent: Agent,
  { method, path, headers, body }: Call,
  client?: ServerResponse,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host: _, connection: __, 'transfer-encoding': ___, ...kept } = headers
    const outgoing = request(new URL(path, upstream), { method, agent, headers: kept }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 500,
          headers: { 'Content-Type': incoming.headers['content-type'] ?? 'application/json' },
          body: Buffer.concat(chunks),
        }),
      )
    })
    outgoing.on('error', reject)
    client?.once('close', () => outgoing.destroy())
    outgoing.end(body)
  })
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'Content-Length': body.length })
  response.end(body)
}

interface Chance {
  response: ServerResponse
  call: Call
  options: Map<string, string>
  /** What the upstream said, where it was asked. */
  answer: Answer | undefined
  pass(call: Call): Promise<void>
}

/** Neon's proxy, in errors that are its own and not PostgreSQL's; and Upstash, to a read-only token. */
const SAYS: Record<string, string> = {
  compute: "Couldn't connect to compute node",
  plane:
    'Control plane request failed: endpoint is temporarily unavailable. Check your quotas and/or contact our support.',
  crowd: 'Too many connections to this endpoint. Please try again later.',
  attempts: 'Too many connections attempts',
  permit:
    'Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.',
  password: "password authentication failed for user 'canary'",
  address:
    'This IP address 192.0.2.1 is not allowed to connect to this endpoint. Please add it to the allowed list in the Neon console. Make sure to check for IPv4 or IPv6 addresses.',
  closed: 'connection closed',
  conversion: 'could not parse postgres response',
  cancelled: 'Query cancelled, connection was terminated',
  request: 'request is too large (max is 10485760 bytes)',
  response: 'response is too large (max is 10485760 bytes)',
  bare: 'query is not supported',
  noperm: "NOPERM this user has no permissions to run the 'evalsha' command",
}

const JSON_TYPE = { 'Content-Type': 'application/json' }
const WITH_AN_ANSWER = ['truncated', 'early-close', 'wrong-types', 'trickle']
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const code = (options: Map<string, string>) => Number(options.get('code') ?? 500)

const faults: Record<string, (chance: Chance) => void | Promise<void>> = {
  none: ({ response, answer }) => answer && send(response, answer),
  reset: ({ response }) => void response.socket?.resetAndDestroy(),
  // Until the client or the end of the run closes it.
  hang: () => {},
  async delay({ response, answer, call, options, pass }) {
    await sleep(Number(options.get('ms') ?? 500))
    if (answer) send(response, answer)
    else await pass(call)
  },
  status({ response, options }) {
    const says = options.get('says')
    const message = SAYS[says ?? ''] ?? 'canary upstream message'
    const sqlState = options.get('sqlstate') ?? ''
    const severity = sqlState && (code(options) === 500 ? 'FATAL' : 'ERROR')
    const body =
      says === 'bare'
        ? message
        : { message, code: sqlState, severity, error: says ? message : `ERR ${message}` }
    send(response, { status: code(options), headers: JSON_TYPE, body: Buffer.from(JSON.stringify(body)) })
  },
  html({ response, options }) {
    const body = Buffer.from('<html><body><h1>canary upstream page</h1></body></html>')
    send(response, { status: code(options), headers: { 'Content-Type': 'text/html' }, body })
  },
  truncated: ({ response, answer }) =>
    answer && send(response, { ...answer, body: answer.body.subarray(0, answer.body.length / 2) }),
  'early-close'({ response, answer }) {
    if (!answer) return
    response.writeHead(answer.status, { ...answer.headers, 'Content-Length': answer.body.length })
    response.write(answer.body.subarray(0, answer.body.length / 2), () => response.socket?.destroy())
  },
  'wrong-types': ({ response, answer }) =>
    answer &&
    send(response, {
      ...answer,
      body: Buffer.from(JSON.stringify(wrong(JSON.parse(answer.body.toString())))),
    }),
  async trickle({ response, answer }) {
    if (!answer) return
    response.writeHead(answer.status, { ...answer.headers, 'Content-Length': answer.body.length })
    for (const byte of answer.body) {
      if (response.destroyed) return
      response.write(Uint8Array.of(byte))
      await sleep(1000)
    }
    response.end()
  },
}

/** The same shape with every value of another type. */
function wrong(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wrong)
  if (typeof value === 'string') return 42
  if (typeof value === 'number') return 'wrong'
  if (typeof value === 'boolean') return 'wrong'
  return value === null
    ? null
    : Object.fromEntries(Object.entries(value as object).map(([key, member]) => [key, wrong(member)]))
}
