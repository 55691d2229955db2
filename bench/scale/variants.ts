import type pg from 'pg'
import { type Measurement, measure } from './explaining.ts'
import { EACH } from './fill.ts'
import { type Hot, hotUpdates, type Relation, relations } from './measure.ts'
import { measured, OPERATIONS } from './operations.ts'
import type { Side } from './side.ts'

/** What the small table would be like, were it made otherwise. Each leaves it as it is left by the one before. */

export interface Variants {
  /** Bytes of each index after rows came one by one, in the order of time, beside those of one built at once. */
  grown: { rows: number; relations: Relation[] }
  fillfactor: { title: Hot }
  partitions: Record<string, Record<string, Measurement[]>>
}

export async function variants(side: Side, say: (what: string) => void): Promise<Variants> {
  say('an index that grew row by row')
  const grown = await grow(side, 500_000)
  say('fillfactor 90')
  await side.client.query('alter table tasks set (fillfactor = 90)')
  await side.client.query('vacuum (full, analyze) tasks')
  const title = await hotUpdates(side, 'patch: title', 300)
  const partitions: Variants['partitions'] = {}
  for (const [name, by] of [
    ['one table', undefined],
    ['64 by hash (user_id)', 'hash (user_id)'],
    ['25 by range (created_at)', 'range (created_at)'],
  ] as const) {
    say(name)
    partitions[name] = await partitioned(side, by)
  }
  return { grown, fillfactor: { title }, partitions }
}

async function grow(side: Side, rows: number): Promise<Variants['grown']> {
  const { client } = side
  await client.query('create table tasks_grown (like tasks including all excluding indexes)')
  const { rows: indexes } = await client.query<{ make: string }>(
    `select pg_get_indexdef(indexrelid) as make from pg_index where indrelid = 'tasks'::regclass`,
  )
  for (const { make } of indexes) await client.query(make.replaceAll('tasks', 'tasks_grown'))
  await client.query(
    `insert into tasks_grown (user_id, title, completed, created_at, updated_at)
     select md5('user ' || n * 7919 % $1)::uuid, 'A task', hashint8(n) & 3 > 0, moment, moment
     from generate_series(1, $2::bigint) n, lateral (select now() + n * interval '1 ms' as moment) at`,
    [rows / EACH, rows],
  )
  await client.query('analyze tasks_grown')
  const grown = await relations(side)
  await client.query('drop table tasks_grown')
  const own = grown.filter(({ name }) => name.startsWith('tasks_grown'))
  return {
    rows,
    relations: own.map((relation) => ({ ...relation, name: relation.name.replace('_grown', '') })),
  }
}

const BY: Record<string, (client: pg.Client) => Promise<unknown>> = {
  'hash (user_id)': (client) =>
    client.query(
      `do $$ begin for n in 0..63 loop
         execute format('create table parts.tasks_%s partition of parts.tasks for values with (modulus 64, remainder %s)', n, n);
       end loop; end $$`,
    ),
  'range (created_at)': (client) =>
    client.query(
      `do $$ begin for n in 0..24 loop
         execute format('create table parts.tasks_%s partition of parts.tasks for values from (%L) to (%L)',
           n, now() + interval '1 day' - interval '1 month' * (n + 1), now() + interval '1 day' - interval '1 month' * n);
       end loop; end $$`,
    ),
}

/** The Worker's own statements, against a table of the same name and rows in pieces. */
async function partitioned(side: Side, by: string | undefined): Promise<Record<string, Measurement[]>> {
  const { client } = side
  if (by) {
    await client.query('create schema parts')
    await client.query(
      `create table parts.tasks (like public.tasks including defaults including constraints) partition by ${by}`,
    )
    await (BY[by] as (typeof BY)[string])(client)
    await client.query('insert into parts.tasks select * from public.tasks on conflict do nothing')
    const key = by === 'hash (user_id)' ? 'user_id' : 'created_at'
    await client.query(`alter table parts.tasks add primary key (id, ${key})`)
    for (const filter of ['', 'where completed', 'where not completed'])
      await client.query(`create index on parts.tasks (user_id, created_at desc, id desc) ${filter}`)
    await client.query('analyze parts.tasks')
  }
  const found: Record<string, Measurement[]> = {}
  for (const name of ['page: newest 50', 'get', 'patch: title', 'bulk-delete: 20']) {
    found[name] = []
    for (let i = 0; i < 33; i += 1) {
      const act = await (OPERATIONS[name] as (typeof OPERATIONS)[string])(side, side.aUser())
      // What the Worker sends is taken from public, and run there last; so a task deleted there is still in parts.
      const { query, params } = await measured(side, act)
      await client.query(`set search_path = ${by ? 'parts, public' : 'public'}`)
      if (i > 2) found[name].push(await measure(client, query, params))
      await client.query('reset search_path')
    }
  }
  if (by) await client.query('drop schema parts cascade')
  return found
}
