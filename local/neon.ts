import { type Answer, type Call, listen } from './http.ts'
import {
  type Database,
  openPglite,
  openPostgres,
  type Result,
  type Statement,
  Unreachable,
} from './postgres.ts'

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
}

/** Neon's SQL over HTTP, in front of PGlite or, given a postgresUrl, of any PostgreSQL. */
export async function startNeon({ port = 0, dataDir, image, postgresUrl }: Options) {
  let database: Database | undefined
  // The port comes first: it keeps a second process away from a folder that one PGlite must own alone.
  const server = await listen(port, (call) => answer(database, call))
  try {
    database = await (postgresUrl ? openPostgres(postgresUrl) : openPglite(dataDir, image))
  } catch (error) {
    await server.close()
    throw error
  }
  const { run, exec, close, pglite } = database

  return {
    url: `http://127.0.0.1:${server.port}/sql`,
    port: server.port,
    async query(query: string, params: unknown[] = []) {
      const { rows } = shape(await run(statement({ query, params })), false, false)
      return { rows: rows as Record<string, unknown>[] }
    },
    exec,
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

async function answer(
  database: Database | undefined,
  { method, path, headers, body }: Call,
): Promise<Answer> {
  if (path !== '/sql' || method !== 'POST')
    return { status: 404, body: { message: 'query is not supported' } }
  const raw = headers['neon-raw-text-output'] === 'true'
  const arrays = headers['neon-array-mode'] === 'true'
  try {
    checkConnectionString(headers['neon-connection-string'])
    const begin = beginning(headers)
    const payload = parse(body)
    if (!database) throw new Unreachable(new Error('it is starting'))
    if ('query' in payload) {
      const result = await database.run(statement(payload))
      return { status: 200, body: shape(result, raw, payload.arrayMode ?? arrays) }
    }
    const { queries } = payload
    const results = await database.batch(begin, queries.map(statement))
    const shaped = results.map((result, i) => shape(result, raw, queries[i]?.arrayMode ?? arrays))
    return { status: 200, body: { results: shaped } }
  } catch (error) {
    return refusal(error as Refusal)
  }
}

function checkConnectionString(header: string | string[] | undefined) {
  if (typeof header !== 'string') throw new Error('invalid header: neon-connection-string')
  if (!URL.canParse(header)) throw new Error('invalid connection string: relative URL without a base')
  const { protocol, username, password, hostname } = new URL(header)
  if (!/^postgres(ql)?:$/.test(protocol)) throw new Error('incorrect scheme')
  if (!username) throw new Error('missing username')
  if (!password) throw new Error('missing authentication credentials: required password')
  if (!hostname) throw new Error('missing hostname')
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
    payload = JSON.parse(body)
  } catch (error) {
    throw refuse((error as Error).message)
  }
  if (isQuery(payload)) return payload
  const { queries } = Object(payload)
  if (Array.isArray(queries) && queries.every(isQuery)) return { queries }
  throw refuse('data did not match any variant of untagged enum Payload')
}

function isQuery(value: unknown): value is Query {
  const { query, params = [] } = Object(value)
  return typeof query === 'string' && Array.isArray(params)
}

function statement({ query, params = [] }: Query): Statement {
  return { query, params: params.map(text) }
}

function text(value: unknown): string | null {
  if (value === null || typeof value === 'string') return value
  return Array.isArray(value) ? arrayText(value) : JSON.stringify(value)
}

function arrayText(value: unknown): string {
  if (value === null) return 'NULL'
  if (Array.isArray(value)) return `{${value.map(arrayText).join(',')}}`
  return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
}

function shape({ command, rowCount, fields, rows }: Result, raw: boolean, rowAsArray: boolean) {
  const readers = fields.map((field) => (raw ? undefined : json[field.dataTypeID]))
  const read = (value: string | null, i: number) => (value === null ? null : (readers[i]?.(value) ?? value))
  const values = raw ? rows : rows.map((row) => row.map(read))
  const object = (row: unknown[]) => Object.fromEntries(fields.map(({ name }, i) => [name, row[i]]))
  return { command, rowCount, rows: rowAsArray ? values : values.map(object), fields, rowAsArray }
}

const number = (value: string) => (Number.isFinite(Number(value)) ? Number(value) : value)
const json: Record<number, (value: string) => unknown> = {
  16: (value) => value === 't',
  21: number,
  23: number,
  700: number,
  701: number,
  114: JSON.parse,
  3802: JSON.parse,
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
  const { message, severity = '' } = error
  const body: Record<string, unknown> = { message, severity, code: severity && error.code }
  for (const detail of details) body[detail] = error[detail] ?? null
  return { status: error instanceof Unreachable ? 500 : 400, body }
}
