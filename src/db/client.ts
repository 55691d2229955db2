import { neon, neonConfig } from '@neondatabase/serverless'
import { type Column, fillPlaceholders, type SQL } from 'drizzle-orm'
import type { CasingCache } from 'drizzle-orm/casing'
import type { Settings } from '../env.ts'
import { perIsolate } from '../isolate.ts'
import { Problem } from '../problem.ts'

/** Column values as Postgres text; null is SQL's. */
export type Row = readonly (string | null)[]
export type Values = Record<string, unknown>

export interface Database {
  /** Safe to send twice: retried once when the connection was lost or the compute was waking up. */
  read(statement: Statement, values: Values): Promise<Row[]>
  /** Sent once. When the answer does not say that it failed, the problem says that the outcome is unknown. */
  write(statement: Statement, values: Values): Promise<Row[]>
}

/** SQL built once per isolate; `params` still holds the placeholders. */
export interface Statement {
  text: string
  params: unknown[]
}

/** All statements of a request together: with a second for the limiter and a wait, no request outlives 10 s. */
const REQUEST_DEADLINE_MS = 8_500
const MAX_RETRY_JITTER_MS = 250

// What drizzle's PgDialect does to a template, without the query builders it would bring into the bundle.
const dialect = {
  casing: { getColumnCasing: ({ name }: Column) => name } as CasingCache,
  escapeName: (name: string) => `"${name.replaceAll('"', '""')}"`,
  escapeParam: (index: number) => `$${index + 1}`,
  escapeString: (text: string) => `'${text.replaceAll("'", "''")}'`,
}
const rawText = { getTypeParser: () => (value: string) => value }

export function statement(query: SQL): Statement {
  const { sql, params } = query.toQuery(dialect)
  return { text: sql, params }
}

// What neon() makes is settings alone: no connection, no I/O that a request would own.
const clientOf = perIsolate(({ DATABASE_URL }) => neon(DATABASE_URL, { arrayMode: true, fullResults: true }))

/** A client for one request: it holds that request's deadline, and no connection. */
export function connect(settings: Settings): Database {
  // Only statements spend it: a body may take its time on the way in, between two of them too.
  let left = REQUEST_DEADLINE_MS
  const sql = clientOf(settings)

  async function send({ text, params }: Statement, values: Values): Promise<Row[]> {
    if (left <= 0) throw new NotSent()
    // The driver has one for all of its clients, so it is set for the call at hand.
    if (settings.NEON_FETCH_ENDPOINT) neonConfig.fetchEndpoint = settings.NEON_FETCH_ENDPOINT
    const started = Date.now()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new DOMException('no answer', 'TimeoutError')), left)
    try {
      const { rows } = await sql.query(text, fillPlaceholders(params, values), {
        types: rawText,
        fetchOptions: { signal: late.signal },
      })
      if (!isRows(rows)) throw new TypeError('the database answered with something other than rows')
      return rows
    } finally {
      clearTimeout(timer)
      left -= Date.now() - started
    }
  }

  return {
    async read(statement, values) {
      try {
        return await send(statement, values)
      } catch (error) {
        const fault = classify(error)
        const wait = Math.random() * MAX_RETRY_JITTER_MS
        if (!fault.passing || wait >= left) throw unavailable(fault, statement, error)
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
      try {
        return await send(statement, values)
      } catch (error) {
        throw unavailable(classify(error), statement, error)
      }
    },

    async write(statement, values) {
      try {
        return await send(statement, values)
      } catch (error) {
        const fault = classify(error)
        throw unavailable(fault, statement, error, fault.refused ? undefined : OUTCOME_UNKNOWN)
      }
    },
  }
}

function isRows(rows: unknown): rows is Row[] {
  const isText = (value: unknown) => value === null || typeof value === 'string'
  return Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.every(isText))
}

const OUTCOME_UNKNOWN =
  'The database did not confirm this write: it may or may not have taken effect. Read before sending it again.'

/** The request's time was over before the statement's turn came. */
class NotSent extends Error {}

interface Fault {
  /** The SQLSTATE, else what kind of answer came instead. Never the driver's message: it may hold values. */
  code: string
  /** It is certain that nothing was changed. */
  refused: boolean
  /** Worth a second try, because the next connection may well live. */
  passing: boolean
  /** The statement itself was wrong. */
  bug?: boolean
}

/**
 * PostgreSQL Appendix A: a lost connection, a shutdown, an I/O or internal error, and 40003 in so many words, do not
 * say what became of a commit that was under way. After any other error the transaction is rolled back.
 */
const LEAVES_UNKNOWN = /^(08|57P01|57P02|58|XX|40003)/
const PASSING = /^(57P0[13]|0800[36]|Couldn't connect|Control plane)/
/** PostgreSQL Appendix A: these classes mean that the statement itself was wrong, which is our bug. */
const BUG = /^(22|23)|^42(?!P01|501)/

/** How Neon's proxy begins what it says, without a SQLSTATE, when it has not connected: no statement can have run. */
const NOT_CONNECTED =
  /^(Couldn't connect to compute node|Control plane request failed|Too many connections|Failed to acquire permit|password authentication failed|This IP address|This VPC endpoint|This connection)/

/** Sorts what the driver throws, which has no type for it: a code, a status in a message, a fetch error. */
function classify(error: unknown): Fault {
  const unknown = (code: string, passing = false) => ({ code, refused: false, passing })
  const refused = (code: string) => ({ code, refused: true, passing: PASSING.test(code) })
  if (error instanceof NotSent) return refused('no time left')
  const { code, message, name, sourceError } = error as Error & { code?: unknown; sourceError?: Error }
  if (name === 'TimeoutError' || sourceError?.name === 'TimeoutError') return unknown('timeout')
  if (sourceError) return unknown('connection lost', true)
  const isAnswer =
    name === 'SyntaxError' || name === 'TypeError' || (name === 'NeonDbError' && code === undefined)
  const [, status, body = ''] = /^Server error \(HTTP status (\d{3})\): ([\s\S]*)/.exec(message) ?? []
  const answer = status === '500' ? told(body) : { code, message }
  const notConnected = answer.code === '' && NOT_CONNECTED.exec(`${answer.message}`)?.[0]
  if (notConnected) return refused(notConnected)
  if (isSqlState(answer.code)) {
    // Neon's proxy answers 500 when it was refused a connection, and 400 when the statement was refused.
    if (status || !LEAVES_UNKNOWN.test(answer.code)) {
      return { ...refused(answer.code), bug: !status && BUG.test(answer.code) }
    }
    return unknown(answer.code, PASSING.test(answer.code))
  }
  if (!status) return unknown(isAnswer ? 'malformed answer' : 'connection lost', true)
  // Too large a request was not read; too large an answer is one again.
  if (status === '413') return refused('HTTP 413')
  return unknown(`HTTP ${status}`, status.startsWith('5') && status !== '507')
}

const isSqlState = (code: unknown): code is string => typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)

/** The code and message of a body that may be anything. */
function told(body: string): { code?: unknown; message?: unknown } {
  try {
    return Object(JSON.parse(body))
  } catch {
    return {}
  }
}

function unavailable(fault: Fault, { text }: Statement, error: unknown, detail?: string): Problem {
  const cause = `database: ${fault.code}`
  const problem = fault.bug
    ? new Problem('internal_error', { cause })
    : new Problem('service_unavailable', { detail, cause, headers: { 'Retry-After': '5' } })
  // For a developer's eyes (development.ts): the statement without its values, and the driver's own error.
  problem.cause = new Error(text, { cause: error })
  return problem
}
