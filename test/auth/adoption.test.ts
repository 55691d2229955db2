import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { betterAuth } from 'better-auth'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { up } from '../../drizzle/migrate.ts'
import { type Adoption, adopt } from '../../hashed-sessions/adoption/run.ts'
import { hashedSessions, revokedField } from '../../hashed-sessions/index.ts'
import { documented } from './documented.ts'
import { everything, hash, rawTokens } from './scan.ts'
import {
  type Generator,
  imported,
  openDatabase,
  password,
  stockOptions,
  stockServer,
  stockTables,
} from './stock.ts'
import { randomAddress, taskApis } from './task-api.ts'

const secret = 'session hash secret of the adoption tests, 0123456789'
const { neon, pool, close } = await openDatabase()
const apis = await taskApis(neon)

beforeAll(() => {
  vi.stubEnv('SESSION_HASH_SECRET', secret)
  vi.stubEnv('BETTER_AUTH_SECRET', stockOptions.secret)
  vi.stubEnv('BETTER_AUTH_URL', stockOptions.baseURL)
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await apis.close()
  await close()
})

/** What it logged, and all that it sent to the database. */
async function run(way: Adoption['way'], dryRun = false) {
  const lines: string[] = []
  const sent: string[] = []
  const client = await pool.connect()
  const query = (text: string, values: unknown[] = []) => {
    sent.push(text, JSON.stringify(values))
    return client.query(text, values)
  }
  try {
    await adopt({ query }, { way, secret, dryRun, log: (line) => lines.push(line) })
  } finally {
    client.release()
  }
  return { lines, sent: sent.join('\n') }
}

type Server = Pick<ReturnType<typeof stockServer>, 'api'>

const bearer = (token: string) => new Headers({ Authorization: `Bearer ${token}` })
const signUp = async ({ api }: Server) => {
  const email = `${crypto.randomUUID()}@example.com`
  const { token, user } = await api.signUpEmail({ body: { name: 'Ann', email, password } })
  return { token: token ?? '', email, id: user.id }
}
const signIn = async ({ api }: Server, email: string) =>
  (await api.signInEmail({ body: { email, password } })).token

async function task(token: string) {
  const { url } = await apis.accepting([secret])
  const response = await fetch(`${url}/tasks`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      'CF-Connecting-IP': randomAddress(),
    },
    body: '{"title":"Buy milk"}',
  })
  return { status: response.status, body: (await response.json()) as { user_id?: string } }
}

/** The server with the wrapper, as the documentation shows it. */
async function adopted(generator: Generator, way: string, database: Parameters<typeof hashedSessions>[0]) {
  if (way === 'views')
    return betterAuth({
      ...stockOptions,
      database: hashedSessions(database, { secret }),
      session: { additionalFields: { revoked: revokedField } },
    })
  const files = Object.entries(await documented()).map(([name, code]) => [
    name,
    code
      .replace("'better-auth-hashed-sessions'", `'${resolve('hashed-sessions/index.ts')}'`)
      .replace("from 'pg'", `from '${resolve('test/auth/pool.ts')}'`),
  ])
  const { auth } = await imported<{ auth: Server }>(Object.fromEntries(files), `${generator}.ts`)
  return auth
}

/** The Worker's own SQL, which only workerd can run. */
async function alive() {
  const source = await readFile('src/session/session.ts', 'utf8')
  const [, text = ''] = /alive = sql`(session as \(.*?\n\))`/s.exec(source) ?? []
  return text.replace(/\$\{[^}]*\}/, '$1')
}

const cases = (
  [
    ['drizzle', 'views'],
    ['drizzle', 'move'],
    ['drizzle', 'views', 'move'],
    ['kysely', 'views'],
    ['kysely', 'move'],
  ] as const
).map(([generator, ...ways]) => ({ generator, ways, how: ways.join(', then ') }))

describe.each(cases)(
  "a database of better-auth's own, made by $generator, adopted by $how",
  ({ generator, ways }) => {
    const way = ways.at(-1) ?? 'views'
    const [user, session] = way === 'views' ? ['"user"', '"session"'] : ['users', 'user_sessions']
    const owner = way === 'views' && generator === 'kysely' ? '"userId"' : 'user_id'
    const memberOwner = generator === 'kysely' ? '"userId"' : 'user_id'
    let before: Server
    let after: Server
    let ann: Awaited<ReturnType<typeof signUp>>
    let phone: string
    const said: string[] = []
    const scan = async () => rawTokens(await everything(neon), [ann.token, phone])

    beforeAll(async () => {
      const tables = await stockTables(generator, { neon, pool, close })
      before = stockServer(tables.before)
      ann = await signUp(before)
      phone = await signIn(before, ann.email)
      await before.api.createOrganization({
        body: { name: 'Ours', slug: 'ours' },
        headers: bearer(ann.token),
      })
      const impersonatedBy =
        generator === 'kysely' ? '"impersonatedBy" = "userId"' : 'impersonated_by = user_id'
      await neon.query(`update session set ${impersonatedBy} where token = $1`, [phone])
      await up({ databaseUrl: neon.databaseUrl, fetchEndpoint: neon.url })
      expect(await scan()).toEqual(['session.token', 'session.token'])
      for (const way of ways) {
        const stored = await everything(neon)
        const dry = await run(way, true)
        expect(await everything(neon), 'a dry run changes nothing').toEqual(stored)
        const { lines, sent } = await run(way)
        expect(dry.lines.slice(0, -1), 'and says what will be done').toEqual(lines.slice(0, -1))
        said.push(...lines, sent)
      }
      after = await adopted(generator, way, tables.after)
    })

    test('no token is left, nor sent or logged, and the secret neither', async () => {
      expect(await scan()).toEqual([])
      for (const canary of [ann.token, phone, secret]) {
        expect(said.join('\n')).not.toContain(canary)
      }
    })

    test('run again, it finds nothing to do', async () => {
      expect((await run(way)).lines).toEqual(['-- There is nothing to do.'])
    })

    test('sessions survive, here and at the API, as the same user', async () => {
      const seen = await after.api.getSession({ headers: bearer(ann.token) })
      const uuid = createHash('md5').update(ann.id).digest('hex')
      const { status, body } = await task(ann.token)
      expect(status).toBe(201)
      expect(body.user_id?.replaceAll('-', '')).toBe(uuid)
      expect(seen?.user.email).toBe(ann.email)
      expect(seen?.user.id).toBe(way === 'views' ? ann.id : body.user_id)
    })

    test('new ones are as good, and revoked with the next request', async () => {
      const tablet = await signIn(after, ann.email)
      const bob = await signUp(after)
      expect((await task(tablet)).status).toBe(201)
      expect((await task(bob.token)).status).toBe(201)
      const listed = await after.api.listSessions({ headers: bearer(tablet) })
      expect(listed.map(({ token }) => token.slice(0, 7))).toContain('handle.')
      await after.api.signOut({ headers: bearer(tablet) })
      expect((await task(tablet)).status).toBe(401)
      await after.api.revokeOtherSessions({ headers: bearer(ann.token) })
      expect([(await task(phone)).status, (await task(ann.token)).status]).toEqual([401, 201])
    })

    test("what plugins keep of a user follows the user's id", async () => {
      const { rows } = await neon.query(
        `select count(*)::int as count from ${user} u join member on u.id = member.${memberOwner}
         join ${session} s on u.id = s.${owner} and s.${generator === 'kysely' ? '"impersonatedBy"' : 'impersonated_by'} = u.id::text`,
      )
      expect(rows).toEqual([{ count: 1 }])
    })

    test("the API's look-up reads an index of each", async () => {
      const many = (table: string, change: string) =>
        neon.query(
          `insert into ${table} select r.* from (select * from ${table} limit 1) one, generate_series(1, 1000) n,
           jsonb_populate_record(null::${table}, to_jsonb(one) || ${change}) r`,
        )
      await many(user, `jsonb_build_object('id', md5('u' || n), 'email', n)`)
      const [of, token] = [owner.replaceAll('"', ''), way === 'views' ? 'token' : 'token_hash']
      await many(
        session,
        `jsonb_build_object('id', md5('s' || n), '${of}', md5('u' || n), '${token}', repeat(md5('t' || n), 2))`,
      )
      await neon.exec('analyze')
      const statement = `explain (format json) with ${await alive()} select user_id from session`
      const { rows } = await neon.query(statement, [[hash(secret, ann.token)]])
      const plan = JSON.stringify(rows)
      expect(plan).not.toContain('Seq Scan')
      expect(new Set(plan.match(/"Index Name": ?"[^"]+"/g)).size, plan).toBe(2)
    })

    test("the API's role needs no more than to read the two", async () => {
      const role = `reader_${crypto.randomUUID().replaceAll('-', '')}`
      await neon.exec(`create role ${role}; grant usage on schema public to ${role};
        grant select on users, user_sessions to ${role}; set local role ${role};
        select from user_sessions join users on users.id = user_id; reset role;
        drop owned by ${role}; drop role ${role}`)
    })

    // A test like the others, only the last: undo gives the old server its tables back; all sign in again.
    afterAll(async () => {
      await run('undo')
      expect((await run('undo')).lines).toEqual(['-- There is nothing to do.'])
      expect(await before.api.getSession({ headers: bearer(ann.token) })).toBeNull()
      const token = await signIn(before, ann.email)
      expect((await before.api.getSession({ headers: bearer(token) }))?.user.email).toBe(ann.email)
      const { rows } = await neon.query(
        "select relname from pg_class where relname ~ '^(users?|user_sessions)$'",
      )
      expect(rows).toEqual([{ relname: 'user' }])
    })
  },
)

describe('the command, when it cannot', () => {
  const node = resolve('node_modules/.bin/node')
  const command = (args: string[], env: Record<string, string>) =>
    promisify(execFile)(node, ['hashed-sessions/adopt.ts', ...args], { env }).then(
      () => '',
      ({ stderr }: { stderr: string }) => stderr,
    )

  test.each<[string, string[], Record<string, string>, string]>([
    ['does not know the way', ['both'], {}, 'say views, move or undo'],
    ['does not know a flag', ['views', '--dryrun'], {}, "Unknown option '--dryrun'"],
    ['has no database', ['views'], {}, 'DATABASE_URL is missing'],
    ['has no secret', ['views'], { DATABASE_URL: 'postgres://127.0.0.1:1/x' }, 'secret is missing'],
  ])('%s: a sentence', async (_, args, env, sentence) => {
    const said = await command(args, env)
    expect(said).toContain(sentence)
    expect(said).not.toMatch(/^ {4}at /m)
  })
})
