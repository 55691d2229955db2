import { type Answer, type Call, listen, MAX_BODY_BYTES } from './http.ts'
import { type Elements, shape, text } from './neon-json.ts'
import { type Database, openPglite, openPostgres, type Statement, Unreachable } from './postgres.ts'

interface Query {
  query: string
  params?: unknown[]
  arrayMode?: boolean
}

interface Options {
  port?: number
  dataDir?: string
  image?: string | undefined
  postgresUrl?: string
  /** What clients have to name: user, password and database. Its host and port say nothing. */
  databaseUrl?: string
}

/** Neon's SQL over HTTP, in front of PGlite or, given a postgresUrl, of any PostgreSQL. */
export async function startNeon(options: Options) {
  const { port = 0, dataDir, image, postgresUrl } = options
  const { databaseUrl = `postgres://local:${crypto.randomUUID()}@127.0.0.1/tasks` } = options
  const opening = Promise.withResolvers<Database>()
  let asleep = Promise.resolve()
  let wakes = 0
  // The port comes first: it keeps a second process away from a folder that one PGlite must own alone.
  const server = await listen(port, async (call) => {
    const answered = await answer(call, databaseUrl, async () => {
      if (wakes > 0) asleep = new Promise((resolve) => setTimeout(resolve, wakes))
      wakes = 0
      await asleep
      return await opening.promise
    })
    return { ...answered, headers: { ...answered.headers, 'neon-request-id': crypto.randomUUID() } }
  })
  opening.resolve(postgresUrl ? openPostgres(postgresUrl) : openPglite(dataDir, image))
  const database = await opening.promise.catch(async (error) => {
    await server.close()
    throw error
  })
  const { run, exec, beginSessions, close, pglite } = database
  const own = new URL(databaseUrl)
  own.host = `127.0.0.1:${server.port}`

  return {
    url: `http://127.0.0.1:${server.port}/sql`,
    port: server.port,
    databaseUrl: own.href,
    async query(query: string, params: unknown[] = []) {
      const result = await run(statement({ query, params }))
      const { rows } = shape(result, false, await elementsOf(database))
      return { rows: rows as Record<string, unknown>[] }
    },
    exec,
    beginSessions,
    /** Scale to zero: the next request wakes the compute, and all wait so many milliseconds for it. */
    suspend(ms: number) {
      wakes = ms
    },
    get pglite() {
      if (!pglite) throw new Error('There is no PGlite behind a postgresUrl')
      return pglite
    },
    async close() {
      await server.close()
      await close()
    },
  }
}

async function answer(call: Call, databaseUrl: string, wake: () => Promise<Database>): Promise<Answer> {
  const { method, path, headers } = call
  if (path.split('?')[0] !== '/sql' || method !== 'POST')
    return { status: 400, body: 'query is not supported' }
  const raw = headers['neon-raw-text-output'] === 'true'
  const arrays = headers['neon-array-mode'] === 'true'
  try {
    const credentials = parseCredentials(headers['neon-connection-string'])
    const begin = beginning(headers)
    if (call.bytes > MAX_BODY_BYTES) throw new TooLarge(413, 'request')
    const payload = parse(call.body)
    authenticate(credentials, parseCredentials(databaseUrl))
    const database = await wake()
    if ('query' in payload) {
      const result = await database.run(statement(payload), call.signal)
      const elements = raw ? undefined : await elementsOf(database)
      return { status: 200, json: limited(shape(result, payload.arrayMode ?? arrays, elements)) }
    }
    const { queries } = payload
    const results = await database.batch(begin, queries.map(statement), call.signal)
    const elements = raw ? undefined : await elementsOf(database)
    const shaped = results.map((result, i) => shape(result, queries[i]?.arrayMode ?? arrays, elements))
    return { status: 200, json: limited({ results: shaped }) }
  } catch (error) {
    return refusal(error as Refusal)
  }
}

interface Credentials {
  user: string
  password: string
  database: string
}

function parseCredentials(header: string | string[] | undefined): Credentials {
  if (typeof header !== 'string') throw new Error('invalid header: neon-connection-string')
  if (!URL.canParse(header)) throw new Error('invalid connection string: relative URL without a base')
  const { protocol, username, password, hostname, pathname } = new URL(header)
  if (!/^postgres(ql)?:$/.test(protocol)) throw new Error('incorrect scheme')
  if (!username) throw new Error('missing username')
  if (!password) throw new Error('missing authentication credentials: required password')
  if (!hostname) throw new Error('missing hostname')
  const [user = '', secret = '', database = ''] = [username, password, pathname.slice(1)].map(
    decodeURIComponent,
  )
  return { user, password: secret, database }
}

function authenticate(given: Credentials, own: Credentials): void {
  if (given.user !== own.user || given.password !== own.password)
    throw new Error(`password authentication failed for user '${given.user}'`)
  if (given.database !== own.database) {
    const message = `database "${given.database}" does not exist`
    throw Object.assign(new Error(message), { severity: 'FATAL', code: '3D000' })
  }
}

const levels = new Map([
  ['Serializable', 'serializable'],
  ['RepeatableRead', 'repeatable read'],
  ['ReadCommitted', 'read committed'],
  ['ReadUncommitted', 'read uncommitted'],
])

function beginning(headers: Call['headers']): string {
  const header = headers['neon-batch-isolation-level']
  const level = levels.get(String(header))
  if (header !== undefined && !level) throw new Error('invalid isolation level')
  const readOnly = headers['neon-batch-read-only'] === 'true' ? ' read only' : ''
  const deferrable = headers['neon-batch-deferrable'] === 'true' ? ' deferrable' : ''
  return `begin${level ? ` isolation level ${level}` : ''}${readOnly}${deferrable}`
}

function parse(body: string): Query | { queries: Query[] } {
  const refuse = (why: string) => new Error(`could not parse the HTTP request body: ${why}`)
  let payload: unknown
  try {
    payload = /\\u[dD][89a-fA-F]/.test(body) ? JSON.parse(body, wellFormed) : JSON.parse(body)
  } catch (error) {
    throw refuse((error as Error).message)
  }
  if (isQuery(payload)) return payload
  const { queries } = Object(payload)
  if (Array.isArray(queries) && queries.every(isQuery)) return { queries }
  throw refuse('data did not match any variant of untagged enum Payload')
}

function wellFormed(_: string, value: unknown) {
  if (typeof value === 'string' && !value.isWellFormed()) throw new Error('lone surrogate in hex escape')
  return value
}

function isQuery(value: unknown): value is Query {
  const { query, params = [] } = Object(value)
  return typeof query === 'string' && Array.isArray(params)
}

function statement({ query, params = [] }: Query): Statement {
  return { query, params: params.map(text) }
}

const elements = new WeakMap<Database, Promise<Elements>>()

/** The array types that the database has when it is first asked for other than raw text. */
async function elementsOf(database: Database): Promise<Elements> {
  const load = async () => {
    const query = `select oid, typelem from pg_type where typcategory = 'A' and typelem <> 0`
    const { rows } = await database.run({ query, params: [] })
    return new Map(rows.map(([type, element]) => [Number(type), Number(element)]))
  }
  const known = elements.get(database) ?? load()
  elements.set(database, known)
  return await known
}

class TooLarge extends Error {
  readonly status: number
  constructor(status: number, what: string) {
    super(`${what} is too large (max is ${MAX_BODY_BYTES} bytes)`)
    this.status = status
  }
}

function limited(body: unknown): string {
  const json = JSON.stringify(body)
  if (Buffer.byteLength(json) > MAX_BODY_BYTES) throw new TooLarge(507, 'response')
  return json
}

const details = (
  'detail hint position internalPosition internalQuery where table column schema dataType constraint ' +
  'file line routine'
).split(' ')

interface Refusal extends Error {
  severity?: string
  code?: string
  [detail: string]: unknown
}

/** An error without a severity is not Postgres's own: a lost connection, or a request that never got there. */
function refusal(error: Refusal): Answer {
  const unreachable = error instanceof Unreachable
  const told = unreachable && (error.cause as Refusal).severity ? (error.cause as Refusal) : error
  const { message, severity = '' } = told
  const body: Record<string, unknown> = { message, severity, code: severity && told.code }
  for (const detail of details) body[detail] = told[detail] ?? null
  if (error instanceof TooLarge) return { status: error.status, body }
  return { status: unreachable && told.code !== '3D000' ? 500 : 400, body }
}
