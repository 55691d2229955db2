import type { DBAdapter, DBTransactionAdapter, Where } from 'better-auth'
import type { Memory } from './memory.ts'
import { refusal } from './refuse.ts'
import { type Asked, type SessionRow, sessionRows } from './rows.ts'
import type { Tokens } from './tokens.ts'

export type OnRevoke = 'mark' | 'delete'

export interface Rules {
  tokens: Tokens
  memory: () => Promise<Memory>
  onRevoke: OnRevoke
  isSession: (model: string) => boolean
  isTokenField: (field: string) => boolean
}

type Values = Record<string, unknown>

/** The adapter, with everything that touches sessions translated; `transaction` hands out a wrapped one too. */
export function wrapAdapter(base: DBAdapter, rules: Rules): DBAdapter {
  return {
    ...wrap(base, rules),
    transaction: (work) => base.transaction((inner) => work(wrap(inner, rules))),
  }
}

function wrap(base: DBTransactionAdapter, rules: Rules): DBTransactionAdapter {
  const { tokens, isSession, isTokenField } = rules
  const marks = rules.onRevoke === 'mark'
  const rows = sessionRows(base, tokens, isTokenField)

  async function find(where: Where[] = [], memory?: Memory) {
    const known = memory ?? (await rules.memory())
    const found = await rows.inTable(where, known)
    if (marks) found.where.push({ field: 'revoked', value: false })
    const shown = async <T>(row: SessionRow) => (await rows.forCaller(row, found.asked, known)) as T
    return { ...found, shown }
  }

  /** The values to write, hashed; and in no other place a token that this request knows. */
  async function written<T extends Values>(model: string, values: T, memory: Memory): Promise<T> {
    const hashed: Values = { ...values }
    for (const field of isSession(model) ? Object.keys(values).filter(isTokenField) : []) {
      const raw = values[field]
      if (typeof raw !== 'string') throw refusal('a session token is a string')
      const hash = await tokens.hash(raw)
      memory.tokens.set(hash, raw)
      hashed[field] = hash
    }
    refuseRaw(model, hashed, memory)
    return hashed as T
  }

  const ended = () => ({ revoked: true, expiresAt: new Date() })

  const wrapped: Omit<DBTransactionAdapter, 'id' | 'options' | 'createSchema'> = {
    async create<T extends Values, R = T>(call: Parameters<typeof base.create<T, R>>[0]): Promise<R> {
      const memory = await rules.memory()
      const data = await written(call.model, call.data, memory)
      if (!isSession(call.model)) return base.create<T, R>({ ...call, data })
      const row = await base.create<T, SessionRow & R>({ ...call, data, select: undefined })
      return rows.forCaller(row, new Map(), memory)
    },

    async findOne<T>(call: Parameters<typeof base.findOne<T>>[0]): Promise<T | null> {
      refuseJoin(call.join, isSession)
      if (!isSession(call.model)) return base.findOne<T>(call)
      const { where, shown } = await find(call.where)
      // Whole rows: a handle needs the id, a viewer the user.
      const row = await base.findOne<SessionRow>({ ...call, where, select: undefined })
      return row && shown<T>(row)
    },

    async findMany<T>(call: Parameters<typeof base.findMany<T>>[0]): Promise<T[]> {
      refuseJoin(call.join, isSession)
      if (!isSession(call.model)) return base.findMany<T>(call)
      const { where, shown } = await find(call.where)
      // Left to itself better-auth reads 100 rows, and revoke-others would spare the 101st session.
      const limit = call.limit ?? Number.MAX_SAFE_INTEGER
      const found = await base.findMany<SessionRow>({ ...call, where, limit, select: undefined })
      return Promise.all(found.map((row) => shown<T>(row)))
    },

    async count(call) {
      if (!isSession(call.model)) return base.count(call)
      return base.count({ ...call, where: (await find(call.where)).where })
    },

    async update<T>(call: Parameters<typeof base.update<T>>[0]): Promise<T | null> {
      const memory = await rules.memory()
      const update = await written(call.model, call.update, memory)
      if (!isSession(call.model)) return base.update<T>({ ...call, update })
      const { where, asked, shown } = await find(call.where, memory)
      // Rotation: whoever extends a session moves it under the new secret. After `expiresIn` the old one can go.
      const token = tokens.rotating ? onlyToken(asked) : undefined
      const moved = token === undefined ? update : { token: await tokens.hash(token), ...update }
      const row = await base.update<SessionRow>({ ...call, where, update: moved })
      return row && shown<T>(row)
    },

    async updateMany(call) {
      const memory = await rules.memory()
      const update = await written(call.model, call.update, memory)
      if (!isSession(call.model)) return base.updateMany({ ...call, update })
      return base.updateMany({ ...call, where: (await find(call.where, memory)).where, update })
    },

    async incrementOne<T>(call: Parameters<typeof base.incrementOne<T>>[0]): Promise<T | null> {
      const memory = await rules.memory()
      const set = call.set && (await written(call.model, call.set, memory))
      if (!isSession(call.model)) return base.incrementOne<T>({ ...call, set })
      const { where, shown } = await find(call.where, memory)
      const row = await base.incrementOne<SessionRow>({ ...call, where, set })
      return row && shown<T>(row)
    },

    async delete(call) {
      if (!isSession(call.model)) return base.delete(call)
      const { where } = await find(call.where)
      if (marks) await base.updateMany({ model: call.model, where, update: ended() })
      else await base.delete({ ...call, where })
    },

    async deleteMany(call) {
      if (!isSession(call.model)) return base.deleteMany(call)
      const { where } = await find(call.where)
      if (marks) return base.updateMany({ model: call.model, where, update: ended() })
      return base.deleteMany({ ...call, where })
    },

    async consumeOne<T>(call: Parameters<typeof base.consumeOne<T>>[0]): Promise<T | null> {
      if (!isSession(call.model)) return base.consumeOne<T>(call)
      const { where, shown } = await find(call.where)
      const row = marks
        ? await endOne(call.model, where)
        : await base.consumeOne<SessionRow>({ ...call, where })
      return row && shown<T>(row)
    },
  }

  async function endOne(model: string, where: Where[]) {
    const row = await base.findOne<SessionRow>({ model, where })
    // Of two at once the second waits for the row, finds it revoked and gets null.
    const same = [
      { field: 'id', value: row?.id ?? null },
      { field: 'revoked', value: false },
    ]
    return row && base.update<SessionRow>({ model, where: same, update: ended() })
  }

  refuseUnknown(base, [...Object.keys(wrapped), 'transaction', 'createSchema'])
  return { ...base, ...wrapped }
}

function onlyToken(asked: Asked): string | undefined {
  const [token, ...more] = new Set(
    [...asked.values()].map(({ name, isToken }) => (isToken ? name : undefined)),
  )
  return more.length === 0 ? token : undefined
}

/** A method that an upgrade brings could carry raw tokens past this file. */
function refuseUnknown(base: DBTransactionAdapter, known: string[]) {
  for (const [name, value] of Object.entries(base)) {
    if (typeof value === 'function' && !known.includes(name))
      throw refusal(`nothing is known about the adapter method "${name}"`)
  }
}

/** Joined sessions would come back as they are stored. better-auth joins users to sessions, never the reverse. */
function refuseJoin(join: object = {}, isSession: Rules['isSession']) {
  if (Object.keys(join).some(isSession)) throw refusal('sessions cannot be joined')
}

function refuseRaw(model: string, values: Values, { tokens }: Memory) {
  const text = JSON.stringify(Object.values(values), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  for (const raw of tokens.values()) {
    if (text.includes(raw)) throw refusal(`a raw session token was about to be stored in "${model}"`)
  }
}
