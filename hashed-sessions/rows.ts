import type { DBTransactionAdapter, Where } from 'better-auth'
import type { Memory } from './memory.ts'
import { refusal } from './refuse.ts'
import type { Tokens } from './tokens.ts'

export interface SessionRow {
  id: string
  userId: string
  token: string
  expiresAt: Date
}

/** For one operation: stored hash → the name by which the caller asked for that session. */
export type Asked = Map<string, { name: string; isToken: boolean }>

/** The two directions between better-auth, which speaks of tokens, and the table, which holds hashes. */
export function sessionRows(
  base: DBTransactionAdapter,
  tokens: Tokens,
  isTokenField: (field: string) => boolean,
) {
  async function inTable(where: Where[], memory: Memory): Promise<{ where: Where[]; asked: Asked }> {
    const asked: Asked = new Map()
    const clauses = where.map(async (clause): Promise<Where> => {
      if (!isTokenField(clause.field)) return clause
      const names = [clause.value].flat()
      const operator = operators[clause.operator ?? 'eq']
      if (!operator || !names.every((name) => typeof name === 'string'))
        throw refusal(`a hash cannot answer "${clause.operator ?? 'eq'} ${typeof clause.value}"`)
      const found = await Promise.all(names.map((name) => stored(name, memory)))
      for (const { hashes, ...as } of operator === 'in' ? found : [])
        for (const hash of hashes) asked.set(hash, as)
      const value = found.flatMap(({ hashes }) => hashes)
      return { field: 'token', operator, value, ...(clause.connector && { connector: clause.connector }) }
    })
    return { where: await Promise.all(clauses), asked }
  }

  /** Under which hashes the session may be stored that is asked for by its token or its handle. */
  async function stored(name: string, memory: Memory) {
    const id = memory.handles.get(name) ?? (await named(name, memory.viewer))
    if (id !== undefined) {
      const where = [{ field: 'id', value: id }]
      const row = await base.findOne<SessionRow>({ model: 'session', where })
      if (row) return { name, isToken: false, hashes: [row.token] }
    }
    return { name, isToken: true, hashes: await tokens.hashes(name) }
  }

  // Before a session is proved a handle opens nothing: as a Bearer token or in a cookie it is only a wrong token.
  const named = async (name: string, viewer?: string) =>
    viewer === undefined ? undefined : tokens.named(name, viewer)

  async function forCaller<Row extends SessionRow>(row: Row, asked: Asked, memory: Memory): Promise<Row> {
    const as = asked.get(row.token)
    if (as?.isToken) {
      memory.tokens.set(row.token, as.name)
      if (row.expiresAt > new Date()) memory.viewer ??= row.userId
    }
    return { ...row, token: as?.name ?? memory.tokens.get(row.token) ?? (await handle(row.id, memory)) }
  }

  async function handle(id: string, memory: Memory): Promise<string> {
    // Without a viewer it is for this request's own use, and nobody can guess the next one.
    const made = await tokens.handle(id, memory.viewer ?? crypto.randomUUID())
    memory.handles.set(made, id)
    return made
  }

  return { inTable, forCaller }
}

const operators: Partial<Record<NonNullable<Where['operator']>, 'in' | 'not_in'>> = {
  eq: 'in',
  in: 'in',
  ne: 'not_in',
  not_in: 'not_in',
}
