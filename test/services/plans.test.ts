import { fillPlaceholders } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/db/client.ts'
import type { Position } from '../../src/tasks/cursor.ts'
import { deleteTasks, getTask, type ListInput, listTasks } from '../../src/tasks/queries.ts'
import { aUser, hashOf, sql, type User } from '../support.ts'

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Parent Relationship'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: Plan[]
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]
const buffers = (plan: Plan) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks']

/** What PostgreSQL does for a query of ours, by running it: twice, since a new backend first fills its caches. */
async function explain(user: User, query: (db: Database, session: { hashes: string[] }) => Promise<unknown>) {
  let plan: Plan | undefined
  const send: Database['read'] = async ({ text, params }, values) => {
    const filled = fillPlaceholders(params, values)
    // In one batch, and so by one backend.
    const run = () => sql.query(`explain (analyze, buffers, timing off, format json) ${text}`, filled)
    const [, [row] = []] = (await sql.transaction([run(), run()])) as { 'QUERY PLAN': { Plan: Plan }[] }[][]
    plan = row?.['QUERY PLAN'][0]?.Plan
    return [[user.id]]
  }
  await query({ read: send, write: send }, { hashes: [await hashOf(user.token)] })
  return plan as unknown as Plan
}

const list = (user: User, input: ListInput) => explain(user, (db, session) => listTasks(db, session, input))

/** Tasks in pairs of one `created_at`, oldest first; every `completed`th of them is completed. */
async function aUserWith(count: number, completed: string): Promise<User> {
  const user = await aUser()
  await sql.query(
    `insert into tasks (user_id, title, completed, created_at, updated_at)
     select $1, 'canary task ' || n, ${completed}, moment, moment
     from generate_series(1, $2::int) n, lateral (select '2025-01-01'::timestamptz + n / 2 * interval '3 s' as moment) at`,
    [user.id, count],
  )
  return user
}

/** The place in a user's list that this many tasks lie before. */
async function placeAfter(user: User, count: number): Promise<Position> {
  const [row] = await sql`select id, created_at from tasks where user_id = ${user.id}
    order by created_at desc, id desc offset ${count} limit 1`
  const { id, created_at } = row as { id: string; created_at: Date }
  return { id, createdAt: created_at.toISOString() }
}

let small: User
let large: User
/** Has done everything but the ten oldest, among users of whom few have done much. */
let busy: User
let [middle, deep]: Position[] = []

beforeAll(async () => {
  // The files before may have left statistics of their own tasks.
  await sql`alter table tasks set (autovacuum_enabled = off)`
  await sql`truncate tasks`
  await sql`delete from pg_statistic where starelid = 'tasks'::regclass`
  small = await aUserWith(1_000, 'n % 20 = 0')
  large = await aUserWith(1_000_000, 'n % 20 = 0')
  busy = await aUserWith(50_000, 'n > 10')
  middle = await placeAfter(large, 500_000)
  deep = await placeAfter(large, 950_000)
})

// In this order: fresh statistics cannot be taken back.
describe('the plans of PostgreSQL', { shuffle: false }, () => {
  describe.each(['default', 'fresh'])('with %s statistics', (statistics) => {
    beforeAll(async () => {
      if (statistics === 'fresh') await sql`vacuum (analyze) tasks`
    })

    describe.each([50, 1000])('a page of %i', (size) => {
      describe.each([undefined, true, false])('with completed=%s', (completed) => {
        const limit = size + 1

        test('costs the same for a user with a thousand tasks and for one with a million', async () => {
          const few = await list(small, { completed, limit })
          // Where the small user cannot fill the page: a page of the same length.
          const many = await list(large, { completed, limit: few['Actual Rows'] })
          expect(many['Actual Rows']).toBe(few['Actual Rows'])
          expect(Math.abs(buffers(many) - buffers(few))).toBeLessThanOrEqual(4)
        })

        test('costs the same at the beginning and deep in the list', async () => {
          const first = buffers(await list(large, { completed, limit }))
          for (const after of [middle, deep]) {
            const later = await list(large, { completed, limit, after })
            expect(later['Actual Rows']).toBe(limit)
            expect(buffers(later)).toBeLessThanOrEqual(first * 1.5)
          }
        })

        test('walks one index of the owner, and sorts no more than the page', async () => {
          for (const after of [undefined, middle]) {
            const plan = nodes(await list(large, { completed, limit, after }))
            const scans = plan.filter((node) => node['Relation Name'] === 'tasks')
            expect(scans.map((node) => node['Node Type'])).toEqual(['Index Scan'])
            const [scan] = scans as [Plan]
            const index = completed === undefined ? '' : completed ? '_completed' : '_open'
            expect(scan['Index Name']).toBe(`tasks_list${index}`)
            // The owner is computed once, before the scan: an InitPlan, which is `$` and a number.
            expect(scan['Index Cond']).toMatch(/^\(+user_id = (\$\d+|\(InitPlan \d+\)\.col1)\)/)
            expect(scan['Actual Rows'] * scan['Actual Loops']).toBe(limit)
            expect(scan['Rows Removed by Filter'] ?? 0).toBe(0)
            for (const sort of plan.filter((node) => /Sort/.test(node['Node Type']))) {
              expect(sort['Actual Rows']).toBeLessThanOrEqual(limit)
              const input = sort.Plans?.find((node) => node['Parent Relationship'] === 'Outer')
              expect(input?.['Node Type']).toBe('Nested Loop')
            }
          }
        })
      })
    })

    test('the ten open tasks of a user who has done 50,000 are found without a walk past those', async () => {
      const plan = await list(busy, { completed: false, limit: 1001 })
      expect(plan['Actual Rows']).toBe(10)
      expect(buffers(plan)).toBeLessThanOrEqual(
        buffers(await list(small, { completed: false, limit: 11 })) + 4,
      )
    })

    test('one task is found by its id, whatever its owner has', async () => {
      const id = Number(middle?.id)
      const plan = await explain(large, (db, session) => getTask(db, session, id))
      expect(buffers(plan)).toBeLessThanOrEqual(16)
    })

    test('bulk-delete finds its rows by their ids, whatever their owner has', async () => {
      const nobodys = Array.from({ length: 1000 }, (_, n) => Number.MAX_SAFE_INTEGER - n)
      const cost = async (user: User, ids: number[]) =>
        buffers(await explain(user, (db, session) => deleteTasks(db, session, ids)))
      expect(Math.abs((await cost(large, nobodys)) - (await cost(small, nobodys)))).toBeLessThanOrEqual(4)
      // Another's tasks: each costs its look-up, and stays.
      const others = Array.from({ length: 1000 }, (_, n) => Number(middle?.id) + n)
      expect(await cost(small, others)).toBeLessThanOrEqual(5_000)
      expect(await sql`select count(*)::int from tasks where id = any(${others})`).toEqual([{ count: 1000 }])
    })
  })
})
