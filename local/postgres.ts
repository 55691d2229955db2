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

/** There was no connection to be had, so nothing was sent. */
export class Unreachable extends Error {
  constructor(cause: Error) {
    super(`Couldn't connect to compute node: ${cause.message}`, { cause })
  }
}

export function openPostgres(connectionString: string): Database {
  return database({ connectionString, max: 20, connectionTimeoutMillis: 10_000 }, (work) => work())
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

function database(config: pg.PoolConfig, exclusively: <T>(work: () => Promise<T>) => Promise<T>) {
  const types = { getTypeParser: () => (text: string) => text }
  const pool = new pg.Pool({ ...config, types, options: '-c TimeZone=UTC' })
  // A server that restarts takes its connections along; the next query opens a new one.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))

  function connected<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return exclusively(async () => {
      const client = await pool.connect().catch((error) => {
        throw new Unreachable(error)
      })
      let reusable = false
      try {
        const result = await work(client)
        reusable = client.getTransactionStatus() === 'I'
        return result
      } finally {
        // Like Neon, keep no connection after an error or inside a transaction.
        client.release(!reusable)
      }
    })
  }

  async function run(client: pg.PoolClient, { query, params }: Statement): Promise<Result> {
    // The extended protocol, as at Neon: one statement only, and parameters without a type.
    const extended = { text: query, values: params, rowMode: 'array', queryMode: 'extended' } as const
    return client.query(extended)
  }

  return {
    run: (statement: Statement) => connected((client) => run(client, statement)),
    batch: (begin: string, statements: Statement[]) =>
      connected(async (client) => {
        const results: Result[] = []
        await client.query(begin)
        for (const statement of statements) results.push(await run(client, statement))
        await client.query('commit')
        return results
      }),
    exec: (sql: string) =>
      connected(async (client) => {
        await client.query(sql)
      }),
    close: () => pool.end(),
  }
}

const rollback = protocol.serialize.query('rollback')
const noCopy = protocol.serialize.copyFail('No source stream defined')

/** What pg takes for its socket to a server. PGlite has one session, so there is one of these at a time. */
class PgliteSocket extends Duplex {
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
    this.#held.push(type === 'X' ? rollback : message)
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
