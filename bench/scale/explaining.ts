import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type pg from 'pg'
import { text } from '../../local/neon-json.ts'

interface Node {
  'Node Type': string
  'Index Name'?: string
  'Relation Name'?: string
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  'WAL Bytes'?: number
  Plans?: Node[]
}

interface Explained {
  Plan: Node
  'Planning Time': number
  'Execution Time': number
}

/** One statement as the Worker sent it, run twice: the first finds its pages where they are, the second in the cache. */
export interface Measurement {
  query: string
  params: unknown[]
  plan: string
  first: { hit: number; read: number; ms: number }
  again: { buffers: number; ms: number; planning: number; wal: number }
}

/** In front of Neon's stand-in: while `on`, each statement is explained twice, rolled back, and then passed on. */
export async function startExplaining(client: pg.Client, neonUrl: string) {
  const state = { on: false, measured: [] as Measurement[] }
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    const { query, params = [] } = JSON.parse(body.toString()) as { query: string; params?: unknown[] }
    if (state.on) state.measured.push(await measure(client, query, params))
    const headers = Object.entries(request.headers).filter(([name]) => name.startsWith('neon-'))
    const answer = await fetch(neonUrl, {
      method: 'POST',
      headers: Object.fromEntries(headers) as Record<string, string>,
      body,
    })
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sql`,
    /** The statements of `act`. */
    async during(act: () => Promise<unknown>): Promise<Measurement[]> {
      state.on = true
      await act().finally(() => (state.on = false))
      return state.measured.splice(0)
    },
    async close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

export async function measure(client: pg.Client, query: string, params: unknown[]): Promise<Measurement> {
  const first = await explain(client, query, params)
  const again = await explain(client, query, params)
  const { Plan: plan } = again
  return {
    query,
    params,
    plan: scans(plan).join(', '),
    first: {
      hit: first.Plan['Shared Hit Blocks'],
      read: first.Plan['Shared Read Blocks'],
      ms: first['Execution Time'],
    },
    again: {
      buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
      ms: again['Execution Time'],
      planning: again['Planning Time'],
      wal: plan['WAL Bytes'] ?? 0,
    },
  }
}

async function explain(client: pg.Client, query: string, params: unknown[]): Promise<Explained> {
  await client.query('begin')
  try {
    const { rows } = await client.query<{ 'QUERY PLAN': [Explained] }>(
      `explain (analyze, buffers, wal, timing off, format json) ${query}`,
      params.map(text),
    )
    return (rows[0] as (typeof rows)[0])['QUERY PLAN'][0]
  } finally {
    await client.query('rollback')
  }
}

/** How a plan reaches its rows, those of the session left out, which every statement has. */
function scans(node: Node): string[] {
  const below = (node.Plans ?? []).flatMap(scans)
  const of = node['Index Name'] ?? node['Relation Name']
  const [type] = [node['Node Type']]
  const told = of && !/^user/.test(of) && (/Scan$/.test(type) || type === 'ModifyTable')
  return told || type === 'Sort' ? [`${type}${of ? ` ${of}` : ''}`, ...below] : below
}
