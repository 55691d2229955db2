import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startNeon } from '../../local/neon.ts'
import { emptyDatabase } from '../setup/database.ts'

/** Neon's stand-in, asked as the driver asks Neon: docs/fidelity.md has the real server's side of each test. */

const SERVER = process.env.LOCAL_POSTGRES_URL
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

let neon: Awaited<ReturnType<typeof startNeon>>
let close: () => Promise<void>
beforeAll(async () => {
  ;({ neon, close } = await emptyDatabase(inject('pgliteImage')))
  await neon.exec('create table if not exists notes (id serial, text text)')
})
afterAll(() => close())

interface Sent {
  headers?: Record<string, string>
  databaseUrl?: string
  signal?: AbortSignal
  url?: string
}

interface Answer {
  rows: unknown[][]
}

async function send(
  body: unknown,
  { headers, databaseUrl = neon.databaseUrl, signal, url = neon.url }: Sent = {},
) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Neon-Connection-String': databaseUrl, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  })
  const answer = (await response.json()) as Answer
  return { status: response.status, headers: response.headers, body: answer }
}

/** The one value of a statement. */
async function value(query: string, params: unknown[] = [], headers = {}): Promise<unknown> {
  const { status, body } = await send({ query, params, arrayMode: true }, { headers })
  expect(status, JSON.stringify(body)).toBe(200)
  return body.rows[0]?.[0]
}

/** Like fetch, which lets nobody choose the Host. */
const statusFor = (host: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { Host: host, 'Neon-Connection-String': neon.databaseUrl }
    request(neon.url, { method: 'POST', headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end('{"query":"select 1"}')
  })

describe('a request', () => {
  test.each([
    ['GET', '/sql'],
    ['PUT', '/sql'],
    ['POST', '/'],
    ['POST', '/sql/'],
  ])('%s %s is 400, with a bare JSON string', async (method, path) => {
    const response = await fetch(new URL(path, neon.url), { method })
    expect(response.status).toBe(400)
    expect(await response.json()).toBe('query is not supported')
    expect(response.headers.get('neon-request-id')).toMatch(UUID)
  })

  test('has an id of its own, whatever becomes of it', async () => {
    const answers = [await send({ query: 'select 1' }), await send({ query: 'nonsense' })]
    const ids = answers.map(({ headers }) => headers.get('neon-request-id'))
    expect(answers.map(({ status }) => status)).toEqual([200, 400])
    for (const id of ids) expect(id).toMatch(UUID)
    expect(ids[0]).not.toBe(ids[1])
  })

  test('for a host that is not this machine is refused', async () => {
    for (const host of ['localhost', 'LOCALHOST:8789', '127.0.0.1:8789', '[::1]:1']) {
      expect(await statusFor(host), host).toBe(200)
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example:8789',
      '192.0.2.1',
    ]) {
      expect(await statusFor(host), host).toBe(421)
    }
  })

  test.each([
    'not JSON',
    '{"query":"select $1","params":["\\ud800"]}',
    '{"query":"\\udfff"}',
    '{}',
    '[]',
    '{"query":1}',
  ])('of %s is refused as one that does not parse', async (body) => {
    const { status, body: refusal } = await send(body)
    expect(status).toBe(400)
    expect(refusal).toMatchObject({ message: expect.stringMatching(/^could not parse the HTTP/), code: '' })
  })

  test('with a pair of surrogates is none of those', async () => {
    expect(await value('select $1', ['\\ud83d\\udc24 🐤'])).toBe('\\ud83d\\udc24 🐤')
    const { body } = await send('{"query":"select $1 as chick","params":["\\ud83d\\udc24"]}')
    expect(body.rows).toEqual([{ chick: '🐤' }])
  })

  test('over 10 MiB is 413, and one below is read', async () => {
    const query = 'select length($1)'
    expect(await value(query, ['x'.repeat(10 * 1024 * 1024 - 100)])).toBe(10 * 1024 * 1024 - 100)
    const { status, body } = await send({ query, params: ['x'.repeat(10 * 1024 * 1024)] })
    expect(status).toBe(413)
    expect(body).toMatchObject({ message: 'request is too large (max is 10485760 bytes)', code: '' })
  })

  test('for an answer over 10 MiB is 507', async () => {
    const query = `select repeat('x', 1024) from generate_series(1, $1::int)`
    expect((await send({ query, params: [9_000] })).status).toBe(200)
    const { status, body } = await send({ query, params: [11_000] })
    expect(status).toBe(507)
    expect(body).toMatchObject({ message: 'response is too large (max is 10485760 bytes)', code: '' })
  })
})

describe('the connection string', () => {
  const other = (change: (url: URL) => void) => {
    const url = new URL(neon.databaseUrl)
    change(url)
    return url.href
  }

  test.each([
    ['a wrong password', other.bind(null, (url) => (url.password = 'canary'))],
    ['an unknown role', other.bind(null, (url) => (url.username = 'canary'))],
  ])('with %s is 400 without a code', async (_, databaseUrl) => {
    const { status, body } = await send({ query: 'select 1' }, { databaseUrl: databaseUrl() })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      message: expect.stringMatching(/^password authentication failed for user '/),
      code: '',
    })
  })

  test('with another database is 400 with 3D000', async () => {
    const databaseUrl = other((url) => (url.pathname = 'canary'))
    const { status, body } = await send({ query: 'select 1' }, { databaseUrl })
    expect(status).toBe(400)
    expect(body).toMatchObject({
      message: 'database "canary" does not exist',
      code: '3D000',
      severity: 'FATAL',
    })
  })

  test('may have parameters, which change nothing', async () => {
    const databaseUrl = `${neon.databaseUrl}?options=-c%20datestyle%3DGerman&sslmode=require`
    const { body } = await send({ query: 'show datestyle' }, { databaseUrl })
    expect(body.rows).toEqual([{ DateStyle: 'ISO, MDY' }])
  })
})

describe('between requests nothing remains of', () => {
  test.each([
    ['a SET', `set datestyle to 'German'`, `select current_setting('datestyle')`, 'ISO, MDY'],
    [
      'a set_config',
      `select set_config('x.y', 'z', false)`,
      `select coalesce(current_setting('x.y', true), '')`,
      '',
    ],
    ['a SET ROLE', 'set role pg_monitor', 'select current_user = session_user', true],
    ['a temporary table', 'create temp table canary (x int)', `select to_regclass('canary')`, null],
    [
      'a prepared statement',
      'prepare canary as select 1',
      'select count(*)::int from pg_prepared_statements',
      0,
    ],
    ['a transaction', 'begin read only', `select current_setting('transaction_read_only')`, 'off'],
    [
      'an advisory lock',
      'select pg_advisory_lock(42)',
      // Its own: another connection's are seen here too, while that is being reset.
      `select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
      0,
    ],
  ])('%s', async (_, statement, query, expected) => {
    expect((await send({ query: statement })).status).toBe(200)
    expect(await value(query)).toEqual(expected)
    // Nor where the request failed.
    const failing = { queries: [{ query: statement }, { query: 'select 1 / 0' }] }
    if (!statement.startsWith('begin')) expect((await send(failing)).status).toBe(400)
    await expect.poll(() => value(query)).toEqual(expected)
  })
})

describe('without raw text', () => {
  test('values are JSON of their types, arrays too', async () => {
    const query = `select true, 7::int2, 7, 7::int8, 1.5::float8, 'NaN'::float4, 1.50::numeric, '{"a":[1]}'::jsonb,
      '{1,NULL,3}'::int[], '{{t,f},{f,t}}'::bool[], '[0:1]={1,2}'::int[], '{}'::int[], '{7}'::int8[],
      array['a"b\\c', 'd,e', '{', 'NULL', null, ' ', '', 'plain word'], array['{"a": 1}'::jsonb], null::int[]`
    const { body } = await send({ query, arrayMode: true })
    expect(body.rows).toEqual([
      [
        ...[true, 7, 7, '7', 1.5, 'NaN', '1.50', { a: [1] }],
        ...[
          [1, null, 3],
          [
            [true, false],
            [false, true],
          ],
          [1, 2],
          [],
          ['7'],
        ],
        ...[['a"b\\c', 'd,e', '{', 'NULL', null, ' ', '', 'plain word'], [{ a: 1 }], null],
      ],
    ])
  })

  test('and with it they are PostgreSQL’s text', async () => {
    const raw = { 'Neon-Raw-Text-Output': 'true' }
    expect(await value('select array[1, null]', [], raw)).toBe('{1,NULL}')
    expect(await value('select true', [], raw)).toBe('t')
  })
})

describe('a client that hangs up', () => {
  const rows = (text: string) => value('select count(*)::int from notes where text = $1', [text])

  test.runIf(SERVER)('has its statement cancelled', async () => {
    for (const queries of [false, true]) {
      const text = crypto.randomUUID()
      const insert = { query: 'insert into notes (text) select $1 from pg_sleep(2)', params: [text] }
      const signal = AbortSignal.timeout(500)
      await expect(send(queries ? { queries: [insert] } : insert, { signal })).rejects.toThrow()
      const running = `select count(*)::int from pg_stat_activity where state = 'active' and query like 'insert into notes%'`
      await expect.poll(() => value(running), { timeout: 1_000 }).toBe(0)
      expect(await rows(text)).toBe(0)
    }
  })

  test('while it waits its turn has sent nothing', async () => {
    const text = crypto.randomUUID()
    const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    const busy = SERVER
      ? Promise.all(Array.from({ length: 20 }, () => send({ query: 'select pg_sleep(4)' })))
      : neon.pglite.transaction(() => sleep(2_000))
    await sleep(1_000)
    const insert = { query: 'insert into notes (text) values ($1)', params: [text] }
    await expect(send(insert, { signal: AbortSignal.timeout(500) })).rejects.toThrow()
    await busy
    expect(await rows(text)).toBe(0)
  })
})

describe('a connection that cannot be made', () => {
  test('is 500 without a code, after five tries', async () => {
    const away = await startNeon({ postgresUrl: 'postgres://postgres@127.0.0.1:1/postgres' })
    const started = Date.now()
    const { status, body } = await send({ query: 'select 1' }, away)
    expect(status).toBe(500)
    expect(body).toMatchObject({ message: "Couldn't connect to compute node", code: '', severity: '' })
    expect(Date.now() - started).toBeGreaterThan(2_900)
    await away.close()
  })

  test.runIf(SERVER)('for PostgreSQL’s own reason is 500 with its code', async () => {
    const role = `crowd_${crypto.randomUUID().replaceAll('-', '')}`
    await neon.exec(`create role ${role} login connection limit 0`)
    const postgresUrl = new URL(SERVER as string)
    postgresUrl.username = role
    const crowded = await startNeon({ postgresUrl: postgresUrl.href })
    const { status, body } = await send({ query: 'select 1' }, crowded)
    expect(status).toBe(500)
    expect(body).toMatchObject({
      message: expect.stringMatching(/^too many connections/),
      code: '53300',
      severity: 'FATAL',
    })
    await crowded.close()
    await neon.exec(`drop role ${role}`)
  })

  test('comes late where the compute has to wake up', async () => {
    neon.suspend(700)
    const started = Date.now()
    const answers = await Promise.all([send({ query: 'select 1' }), send({ query: 'select 1' })])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(Date.now() - started).toBeGreaterThanOrEqual(690)
    await value('select 1')
    expect(Date.now() - started).toBeLessThan(1_400)
  })
})
