import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DATABASE, DEADLINE_MS, LIMITER, type Outcome, ROUTES, type Route } from './fault-matrix.ts'
import { apiWith, envWith, type Fault, UNLIMITED } from './faults.ts'
import { aToken, expectProblem, hashOf, sql } from './support.ts'

const LIMIT = 1
const RATE_LIMITED = { RATE_LIMIT_READS: `${LIMIT}`, RATE_LIMIT_WRITES: `${LIMIT}` }

interface Cell {
  name: string
  route: Route
  neon: Fault
  upstash: Fault
  expected: Outcome
  stored?: 'yes' | 'no' | undefined
  log?: string | RegExp
}

const isRead = (route: Route) => route.word === undefined
const nameOf = ({ method, path, keyed }: Route) => `${method} ${path}${keyed ? ' with a key' : ''}`

// Both upstreams at once are for the slower run.
const BOTH = env.REAL_SERVICES

const database: Cell[] = DATABASE.flatMap(({ fault, read, once, lookUp, write, stored, log }) =>
  ROUTES.flatMap((route) => {
    const [always, picked, neon] = isRead(route)
      ? [read, once, `${fault},once=${crypto.randomUUID()}`]
      : [lookUp, write, `${fault},on=${route.word}`]
    const name = `${nameOf(route)}, ${fault}`
    const cell: Cell = { name, route, neon: fault, upstash: 'none', expected: always, log }
    // A port that refuses, refuses always and whatever it is asked.
    if (fault === 'none' || fault === 'refused') return [{ ...cell, stored: fault === 'none' ? 'yes' : 'no' }]
    const when = isRead(route) ? 'once' : 'in the write only'
    return [
      cell,
      ...(BOTH ? [{ ...cell, name: `${name}, with a silent limiter`, upstash: 'hang' as const }] : []),
      { ...cell, name: `${name}, ${when}`, neon: neon as Fault, expected: picked, stored },
    ]
  }),
)

const limiter: Cell[] = LIMITER.flatMap((upstash) =>
  ROUTES.map((route) => {
    const name = `${nameOf(route)}, limiter ${upstash}`
    return { name, route, neon: 'none', upstash, expected: 'ok' }
  }),
)

interface Answer {
  status: number
  headers: Headers
  text: string
  ms: number
}

/** A user with a task, and what came of the cell's requests. */
interface Observed {
  userId: string
  hash: string
  token: string
  taskId: number
  call: ReturnType<typeof caller>
  answers: Answer[]
  /** The same key again, once the upstreams are well. */
  again?: Answer
}

const observed = new Map<Cell, Observed>()
const sent: string[] = []
const lines: string[] = []
const seen = (cell: Cell) => observed.get(cell) as Observed

/** A fault that leaves less than a second: on a slow machine that is over before the upstream's answer is there. */
const tooLate = (cell: Cell) => cell.expected === 'in time' && seen(cell).answers[0]?.status === 503
const storedOf = (cell: Cell) => (tooLate(cell) ? undefined : cell.stored)

/** What a client of the cell's route does, against a Worker of this env. */
function caller({ route }: Cell, token: string, taskId: number) {
  const { method, path, body, keyed } = route
  const headers: Record<string, string> = keyed ? { 'Idempotency-Key': `key-of-${taskId}` } : {}
  return async (bindings: Parameters<typeof apiWith>[0]): Promise<Answer> => {
    const started = Date.now()
    const url = path.replace('{id}', `${taskId}`)
    const response = await apiWith(bindings, token)(method, url, body?.(taskId), headers)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, ms: Date.now() - started }
  }
}

async function observe(cell: Cell, limits: object): Promise<void> {
  const { neon, upstash } = cell
  const { call, answers } = seen(cell)
  const bindings = envWith({ neon, upstash, ...limits })
  // One turn of the minute may begin a new budget, so twice a budget and one more is surely over one.
  const times = limits === RATE_LIMITED ? 2 * LIMIT + 1 : 1
  while (answers.length < times) answers.push(await call(bindings))
}

async function arrange(cells: Cell[]): Promise<void> {
  const users = await sql`insert into users (email, name)
    select gen_random_uuid() || '@test', 'Test' from generate_series(1, ${cells.length}::int) returning id`
  const ids = users.map(({ id }) => id as string)
  const tokens = cells.map(() => aToken())
  const hashes = await Promise.all(tokens.map((token) => hashOf(token)))
  await sql`insert into user_sessions (user_id, token_hash, expires_at, revoked)
    select *, now() + interval '1 hour', false from unnest(${ids}::uuid[], ${hashes}::text[])`
  const tasks =
    await sql`insert into tasks (user_id, title) select *, 'canary title' from unnest(${ids}::uuid[])
    returning id, user_id`
  const taskOf = new Map(tasks.map(({ id, user_id }) => [user_id as string, Number(id)]))
  for (const [i, cell] of cells.entries()) {
    const [userId = '', hash = '', token = ''] = [ids[i], hashes[i], tokens[i]]
    const taskId = taskOf.get(userId) as number
    observed.set(cell, { userId, hash, token, taskId, call: caller(cell, token, taskId), answers: [] })
  }
}

/** Sixteen at a time: most wait before they try again, and the machine is to be fast enough for the deadlines. */
async function inTurn(cells: Cell[], work: (cell: Cell) => Promise<void>): Promise<void> {
  const turns = cells.values()
  const worker = async () => {
    for (const cell of turns) await work(cell)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

beforeAll(async () => {
  const { fetch } = globalThis
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    sent.push(String(init?.body))
    return await fetch(input, init)
  })
  for (const method of ['debug', 'log', 'info', 'warn', 'error', 'trace', 'dir'] as const) {
    vi.spyOn(console, method).mockImplementation(
      (...words: unknown[]) => void lines.push(words.map(String).join(' ')),
    )
  }
  await arrange([...database, ...limiter])
  sent.length = 0
  // The driver's endpoint is the isolate's: one that refuses must be alone with it.
  for (const cell of database) if (cell.neon === 'refused') await observe(cell, UNLIMITED)
  const others = [...database.filter(({ neon }) => neon !== 'refused'), ...limiter]
  const slow = ({ neon, upstash }: Cell) => /hang|trickle|ms=[28]000/.test(neon + upstash)
  const limits = (cell: Cell) => (limiter.includes(cell) ? RATE_LIMITED : UNLIMITED)
  const quick = others.filter((cell) => !slow(cell))
  await inTurn(quick, (cell) => observe(cell, limits(cell)))
  const waiting: Promise<void>[] = []
  for (const cell of others.filter(slow)) {
    waiting.push(observe(cell, limits(cell)))
    // All at once, they would wait for the machine before they wait for their upstream.
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  await Promise.all(waiting)
  const keyed = database.filter(({ route }) => route.keyed)
  await inTurn(keyed, async (cell) => {
    seen(cell).again = await seen(cell).call(envWith(UNLIMITED))
  })
}, 240_000)

afterAll(() => vi.restoreAllMocks())

/** How many statements left the isolate for the cell's user: the route's write, or other ones. */
function statements(cell: Cell, kind: 'write' | 'other'): number {
  const { word } = cell.route
  const own = sent.filter((body) => body.includes(seen(cell).hash))
  return own.filter((body) => (kind === 'write') === (word !== undefined && body.includes(word))).length
}

async function expectUnavailable(cell: Cell, { status, headers, text }: Answer): Promise<void> {
  expect(status).toBe(503)
  expect(headers.get('Retry-After')).toMatch(/^[1-9]\d*$/)
  if (cell.route.method === 'HEAD') return
  const { detail } = await expectProblem(new Response(text, { status, headers }), 503, 'service_unavailable')
  if (cell.expected === 'late') return
  const unknown = cell.expected === 'unknown' || (tooLate(cell) && !isRead(cell.route))
  expect(detail.includes('may or may not have taken effect')).toBe(unknown)
}

describe('with a database that fails', () => {
  test.each(database)('$name → $expected', async (cell) => {
    const { route, expected } = cell
    const [answer] = seen(cell).answers as [Answer]
    expect(answer.ms).toBeLessThan(10_000)
    const succeeds = expected.startsWith('ok') || (expected === 'in time' && !tooLate(cell))
    if (succeeds) expect(answer.status).toBe(route.status)
    else await expectUnavailable(cell, answer)

    const id = answer.headers.get('X-Request-Id')
    const line = JSON.parse(lines.find((line) => line.includes(`"${id}"`)) ?? '{}')
    expect(line).toMatchObject({ event: 'request', status: answer.status, method: route.method })
    if (answer.status === 503) expect(line.fault).toMatch(cell.log ?? '')
    else expect(line).not.toHaveProperty('fault')
    if (/timeout|no time left/.test(line.fault)) expect(answer.ms).toBeGreaterThanOrEqual(DEADLINE_MS)

    if (isRead(route)) {
      expect(statements(cell, 'other')).toBe(expected.endsWith('×2') ? 2 : 1)
    } else {
      expect(statements(cell, 'write') - (route.keyed ? 1 : 0)).toBeLessThanOrEqual(1)
    }
  })

  test('stores each write once, or not at all', async () => {
    const writes = database.filter(({ route }) => !isRead(route))
    const ids = writes.map((cell) => seen(cell).userId)
    const rows = await sql`select id, user_id, title, version from tasks where user_id = any(${ids}::uuid[])`
    for (const cell of writes) {
      const { userId, taskId } = seen(cell)
      const own = rows.filter(({ user_id }) => user_id === userId)
      const created = own.filter(({ id }) => Number(id) !== taskId).length
      const task = own.find(({ id }) => Number(id) === taskId)
      const times = { insert: created, wanted: task ? task.version - 1 : -1, deleted: task ? 0 : 1 }
      const stored = times[cell.route.word as keyof typeof times]
      // A key that is sent again finishes what the fault left undone, and only that.
      const known = storedOf(cell)
      const wanted = cell.route.keyed || known === 'yes' ? [1] : known === 'no' ? [0] : [0, 1]
      expect(wanted, cell.name).toContain(stored)
    }
  })

  test('answers a key that is sent again with the one task', () => {
    const keyed = database.filter(({ route }) => route.keyed)
    for (const cell of keyed) {
      const { again } = seen(cell)
      expect(again?.status, cell.name).toBe(201)
      const known = storedOf(cell)
      const replayed = again?.headers.get('Idempotency-Replayed')
      if (known) expect(replayed, cell.name).toBe(known === 'yes' ? 'true' : null)
    }
  })
})

describe('with a limiter that fails', () => {
  test.each(limiter)('$name → as ever, and never unlimited', async (cell) => {
    const { answers, taskId } = seen(cell)
    const gone = cell.route.method === 'DELETE' ? [404] : []
    expect(answers[0]?.status).toBe(cell.route.status)
    for (const { status, ms, headers } of answers) {
      expect([cell.route.status, 429, ...gone], `task ${taskId}`).toContain(status)
      expect(ms).toBeLessThan(10_000)
      expect(headers.get('RateLimit-Policy')).toContain(`q=${LIMIT};w=60`)
    }
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    for (const { headers, text, status } of refused) {
      expect(headers.get('Retry-After')).toMatch(/^[1-9]\d?$/)
      if (cell.route.method !== 'HEAD') {
        await expectProblem(new Response(text, { status, headers }), 429, 'rate_limit_exceeded')
      }
    }
  })
})

describe('GET /health/ready', () => {
  /** Two seconds against two seconds would be a race, and no answer of it wrong. */
  const late = (fault: Fault) => (fault === 'delay,ms=2000' ? 'delay,ms=4000' : fault)
  async function ready(neon: Fault, upstash: Fault) {
    const started = Date.now()
    const api = apiWith(envWith({ neon: late(neon), upstash: late(upstash) }))
    const response = await api('GET', '/health/ready')
    const { checks } = await response.json<{ checks: { database: string; rate_limiter: string } }>()
    return { status: response.status, ...checks, inTime: Date.now() - started < 10_000 }
  }
  const slow = { timeout: 20_000 }
  const well = ['none', 'delay,ms=50']
  const proxied = DATABASE.filter(({ fault }) => fault !== 'refused')

  test.concurrent.each(proxied)('within its two seconds, database $fault', slow, async ({ fault }) => {
    const database = well.includes(fault) ? 'ok' : 'unavailable'
    const status = database === 'ok' ? 200 : 503
    expect(await ready(fault, 'none')).toEqual({ status, database, rate_limiter: 'ok', inTime: true })
  })

  test.concurrent.each(LIMITER)('within its two seconds, limiter %s', slow, async (fault) => {
    const rate_limiter = well.includes(fault) ? 'ok' : 'unavailable'
    expect(await ready('none', fault)).toEqual({ status: 200, database: 'ok', rate_limiter, inTime: true })
  })
})

describe('the whole matrix', () => {
  test('logs nothing of a token, its hash, a password, an upstream or a task', () => {
    const { DATABASE_URL, UPSTASH_REDIS_REST_TOKEN, SESSION_HASH_SECRET } = env
    const secrets = [UPSTASH_REDIS_REST_TOKEN, SESSION_HASH_SECRET, new URL(DATABASE_URL).password]
    const own = [...observed.values()].flatMap(({ hash, token }) => [hash, token])
    const found = (text: string) => [...secrets, ...own, 'canary'].filter((canary) => text.includes(canary))
    expect(lines.length).toBeGreaterThan(observed.size)
    expect(lines.filter((line) => found(line).length > 0)).toEqual([])
  })

  test('shows nobody a token, its hash, a password or an upstream, and in no problem a task', () => {
    const { DATABASE_URL, UPSTASH_REDIS_REST_TOKEN, SESSION_HASH_SECRET } = env
    const secrets = [UPSTASH_REDIS_REST_TOKEN, SESSION_HASH_SECRET, new URL(DATABASE_URL).password]
    for (const [{ name }, { answers, hash, token }] of observed) {
      for (const { text, headers, status } of answers) {
        const all = `${text}\n${JSON.stringify([...headers])}`
        const canaries = [...secrets, token, hash, 'upstream', ...(status >= 400 ? ['canary'] : [])]
        expect(
          canaries.filter((canary) => all.includes(canary)),
          name,
        ).toEqual([])
      }
    }
  })
})
