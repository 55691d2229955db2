import { setTimeout as wait } from 'node:timers/promises'
import { connect, type Database, type Statement } from '../../src/db/client.ts'
import { configure, type Settings } from '../../src/env.ts'
import { purgeIdempotencyKeys } from '../../src/tasks/idempotency-queries.ts'
import { type Measurement, measure } from './explaining.ts'
import { LONG } from './fill.ts'
import { measured, OPERATIONS } from './operations.ts'
import type { Side } from './side.ts'

export interface Sides {
  large: Side
  small: Side
}

/** What one operation did on both tables, in turns: one of each, in either order. */
export type Pair = Record<keyof Sides, Omit<Measurement, 'query' | 'params'>>

async function inTurns(sides: Sides, of: (side: Side) => Promise<Measurement>): Promise<Pair> {
  const turns: (keyof Sides)[] = Math.random() < 0.5 ? ['large', 'small'] : ['small', 'large']
  const pair: Partial<Pair> = {}
  for (const turn of turns) {
    const { plan, first, again } = await of(sides[turn])
    pair[turn] = { plan, first, again }
  }
  return pair as Pair
}

export type Owner = 'a hundred tasks' | 'a very long history'

export async function measureOperations(
  sides: Sides,
  pairs: number,
  say: (what: string) => void,
): Promise<Record<Owner, Record<string, Pair[]>>> {
  const measureFor = async (owner: Owner) => {
    const found: Record<string, Pair[]> = {}
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      say(`${name}, by a user with ${owner}`)
      const one = async (side: Side) => {
        const user = owner === 'a very long history' ? LONG : side.aUser()
        return await measured(side, await operation(side, user))
      }
      // A new connection first fills its caches, and an isolate its own.
      for (let i = 0; i < 3; i += 1) await inTurns(sides, one)
      found[name] = []
      for (let i = 0; i < pairs; i += 1) found[name].push(await inTurns(sides, one))
    }
    return found
  }
  return {
    'a hundred tasks': await measureFor('a hundred tasks'),
    'a very long history': await measureFor('a very long history'),
  }
}

export interface Relation {
  name: string
  bytes: number
  rows: number
  /** Of an index: pages from the root to a leaf, and how full its leaves are. */
  depth?: number
  density?: number
}

export async function relations({ client }: Side): Promise<Relation[]> {
  const { rows } = await client.query<{ name: string; bytes: string; rows: number; index: boolean }>(
    `select relname as name, pg_relation_size(oid) as bytes, greatest(reltuples, 0) as rows, relkind = 'i' as index
     from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')
       and (relname ~ '^(tasks|idempotency_keys)' or relname ~ '^user_sessions_token_hash' or relname = 'users_pkey')
       and relname !~ 'migrations' order by relname ~ '^tasks' desc, relkind desc, relname`,
  )
  const found: Relation[] = []
  for (const { name, bytes, rows: count, index } of rows) {
    const relation: Relation = { name, bytes: Number(bytes), rows: count }
    if (index) {
      const { rows: told } = await client.query(
        'select (bt_metap($1)).level + 1 as depth, (pgstatindex($1)).avg_leaf_density as density',
        [name],
      )
      Object.assign(relation, told[0])
    }
    found.push(relation)
  }
  return found
}

export interface Hot {
  patches: number
  hot: number
}

/** Of so many patches of random tasks, sent and committed: how many left the indexes alone. */
export async function hotUpdates(side: Side, name: string, patches: number): Promise<Hot> {
  const counted = async (): Promise<Hot> => {
    // Each backend reports what it did once it is idle.
    await wait(1500)
    const { rows } = await side.client.query<Hot>(
      `select n_tup_upd::int as patches, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'tasks'`,
    )
    return rows[0] as Hot
  }
  const before = await counted()
  for (let i = 0; i < patches; i += 1) {
    const act = await (OPERATIONS[name] as (typeof OPERATIONS)[string])(side, side.aUser())
    await act()
  }
  const after = await counted()
  return { patches: after.patches - before.patches, hot: after.hot - before.hot }
}

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return (performance.now() - start) / 1000
}

export interface Purge {
  pairs: Pair[]
  large: { keys: number; seconds: number }
}

/** A batch of the hourly purge on both tables, then the purge itself. */
export async function measurePurge(sides: Sides, pairs: number): Promise<Purge> {
  const { text } = await purgeStatement()
  const found: Pair[] = []
  for (let i = 0; i < pairs; i += 1)
    found.push(await inTurns(sides, ({ client }) => measure(client, text, [])))
  const { settings } = configure(sides.large.env)
  let keys = 0
  const seconds = await timed(async () => {
    keys = await purgeIdempotencyKeys(() => connect(settings as Settings))
  })
  return { pairs: found, large: { keys, seconds } }
}

async function purgeStatement(): Promise<Statement> {
  const sent: Statement[] = []
  const write: Database['write'] = async (statement) => {
    sent.push(statement)
    return [['0']]
  }
  await purgeIdempotencyKeys(() => ({ read: write, write }))
  return sent[0] as Statement
}
