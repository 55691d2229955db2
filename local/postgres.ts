import { mkdir, readFile } from 'node:fs/promises'
import { Duplex } from 'node:stream'
import { PGlite, protocol } from '@electric-sql/pglite'
import pg from 'pg'

export interface Statement {
  query: string
  params: (string | null)[]
}

/** Every value in a row is the text that the server sent. */
export type Result = pg.QueryArrayResult<(string | null)[]>

export type Database = ReturnType<typeof database> & { pglite?: PGlite }

/** There was no connection to be had, so nothing was sent. The cause is what PostgreSQL said, if it said anything. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("Couldn't connect to compute node", { cause })
  }
}

/** The client hung up before its turn came. */
export class HungUp extends Error {}

/**
 * What makes a connection fit for the next statement: in one go what Neon's proxy does in nine, of which PGlite takes
 * more time than for the statement itself. It fails where a transaction was left open, and the connection ends.
 */
const RESET = 'discard all'

/** Neon's proxy tries to connect five times, and waits so many milliseconds in between. */
const WAITS = [200, 400, 800, 1600]

export function openPostgres(connectionString: string): Database {
  const config = { connectionString, options: '-c TimeZone=UTC' }
  return database({ ...config, max: 20 }, (work) => work(), cancel)

  /** Over a connection of its own, so that a full pool does not stand in the way. */
  async function cancel(processId: number) {
    const client = new pg.Client(config)
    await client.connect()
    await client.query('select pg_cancel_backend($1)', [processId]).finally(() => client.end())
  }
}

/** The image is the path of a tar, of a dumpDataDir() of PGlite's, to begin with instead of an empty database. */
export async function openPglite(dataDir?: string, image?: string): Promise<Database> {
  if (dataDir) await mkdir(dataDir, { recursive: true })
  const loadDataDir = image === undefined ? undefined : new Blob([await readFile(image)])
  const pglite = await PGlite.create({ dataDir, loadDataDir })
  // The auth server works on the same PGlite; the lock keeps its transactions and ours apart in the one session.
  const opened = database(
    { max: 1, idleTimeoutMillis: 0, user: 'postgres', stream: () => new PgliteSocket(pglite) },
    (work) => pglite._runExclusiveTransaction(work),
  )
  const close = async () => {
    await opened.close()
    await pglite.close()
  }
  return { ...opened, pglite, close }
}

function database(
  config: pg.PoolConfig,
  exclusively: <T>(work: () => Promise<T>) => Promise<T>,
  /** PGlite computes a statement in one go, in this thread: there is nobody to interrupt it. */
  cancel = async (_processId: number) => {},
) {
  const types = { getTypeParser: () => (text: string) => text }
  const pool = new pg.Pool({ ...config, types })
  // A server that restarts takes its connections along; the next query opens a new one.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  let session = ''

  async function connect(): Promise<pg.PoolClient> {
    for (const wait of [...WAITS, undefined]) {
      try {
        return await pool.connect()
      } catch (error) {
        // With a severity, PostgreSQL itself has refused.
        if (wait === undefined || 'severity' in (error as Error)) throw new Unreachable(error)
        await new Promise((resolve) => setTimeout(resolve, wait))
      }
    }
    throw new Error('unreachable')
  }

  function connected<T>(work: (client: pg.PoolClient) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      exclusively(async () => {
        const client = await connect()
        let cancelled: Promise<void> | undefined
        const stop = () => {
          const { processID } = client as unknown as { processID: number }
          cancelled = cancel(processID).catch(() => {})
        }
        signal?.addEventListener('abort', stop)
        let reusable = false
        try {
          if (signal?.aborted) throw new HungUp()
          if (session) await client.query(session)
          resolve(await work(client))
          signal?.removeEventListener('abort', stop)
          // Like Neon, keep no connection after an error. A cancellation that is late must not meet another statement.
          if (!cancelled) {
            await client.query(RESET)
            reusable = true
          }
        } finally {
          signal?.removeEventListener('abort', stop)
          await cancelled
          client.release(!reusable)
        }
      }).catch(reject)
    })
  }

  async function run(client: pg.PoolClient, { query, params }: Statement): Promise<Result> {
    // The extended protocol, as at Neon: one statement only, and parameters without a type.
    const extended = { text: query, values: params, rowMode: 'array', queryMode: 'extended' } as const
    return client.query(extended)
  }

  return {
    /** SQL that every session begins with from now on: a role's own settings, or a role. */
    beginSessions(sql: string) {
      session = sql
    },
    run: (statement: Statement, signal?: AbortSignal) =>
      connected((client) => run(client, statement), signal),
    batch: (begin: string, statements: Statement[], signal?: AbortSignal) =>
      connected(async (client) => {
        const results: Result[] = []
        await client.query(begin)
        for (const statement of statements) results.push(await run(client, statement))
        await client.query('commit')
        return results
      }, signal),
    exec: (sql: string) =>
      connected(async (client) => {
        await client.query(sql)
      }),
    close: () => pool.end(),
  }
}

const reset = Buffer.concat(['rollback', RESET].map((sql) => protocol.serialize.query(sql)))
const noCopy = protocol.serialize.copyFail('No source stream defined')

/** What pg takes for its socket to a server. PGlite has one session, so there is one of these at a time. */
export class PgliteSocket extends Duplex {
  #pglite: PGlite
  #held: Uint8Array[] = []

  constructor(pglite: PGlite) {
    super()
    this.#pglite = pglite
  }

  connect() {
    queueMicrotask(() => this.emit('connect'))
  }

  override _write(message: Buffer, _encoding: string, done: (error?: Error | null) => void) {
    const type = String.fromCharCode(message[0] ?? 0)
    // The session outlives the socket: on Terminate, do as a server does for a client that leaves.
    this.#held.push(type === 'X' ? reset : message)
    // COPY FROM STDIN would read on past the end of the buffer, and lose PGlite for good; others overlook this.
    if (type === 'E' || type === 'Q') this.#held.push(noCopy)
    // PGlite takes each buffer for a whole exchange: hold the parts of an extended query until its Sync.
    if ('PBDE'.includes(type)) return done()
    this.#send(Buffer.concat(this.#held.splice(0))).then(() => done(), done)
  }

  async #send(messages: Buffer) {
    const answer: Buffer[] = []
    const onRawData = (bytes: Uint8Array) => answer.push(Buffer.from(bytes))
    await this.#pglite.execProtocolRawStream(messages, { syncToFs: false, onRawData })
    this.push(Buffer.concat(answer))
  }

  override _read() {}

  override _final(done: () => void) {
    this.push(null)
    done()
  }

  setNoDelay() {}
  ref() {}
  unref() {}
}
