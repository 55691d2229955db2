import type { Row } from '../db/client.ts'
import { hex } from '../keyed-hash.ts'
import { fields, type Kind, names, type Task } from '../task.ts'

/**
 * The columns that every row with a task begins with: the owner, by whom `authorized` knows a living session, and the
 * rest of the task. Values are Postgres text. After them comes what tells the row from itself at another time: in a
 * list its version, which is shorter; else its tag.
 */
export const columns = ['user_id', 'id', ...names, 'created_at', 'updated_at'] as const

const VALIDATOR = columns.length
const place = (column: keyof Task) => columns.indexOf(column)

/** Whether a row has a task: without one, only the owner's column is filled. */
export const hasTask = (row: Row | undefined): row is Row => row?.[place('id')] != null

export const textOf = (row: Row, column: 'id' | 'created_at') => row[place(column)] as string

/** What a statement returns after all that. */
export const extra = (row: Row): Row => row.slice(VALIDATOR + 1)

/** Its members in the order of the JSON, and how each is written. */
const kinds: Record<keyof Task, Kind | 'uuid' | 'moment'> = {
  id: 'number',
  user_id: 'uuid',
  ...(Object.fromEntries(names.map((name) => [name, fields[name].kind])) as Record<
    keyof typeof fields,
    Kind
  >),
  created_at: 'moment',
  updated_at: 'moment',
}

// A list can hold a thousand: text goes straight to JSON, past any mapper, Date or object. Quotes that are always
// there are part of what stands between the values.
const members = Object.entries(kinds) as [keyof Task, Kind | 'uuid' | 'moment'][]
const quote = (kind: string | undefined) => (kind === 'uuid' || kind === 'moment' ? '"' : '')
const parts = members.map(([name, kind], i) => ({
  before: `${i === 0 ? '{' : `${quote(members[i - 1]?.[1])},`}"${name}":${quote(kind)}`,
  at: place(name),
  kind,
}))
const end = `${quote(members.at(-1)?.[1])}}`

export function taskJson(row: Row): string {
  let json = ''
  for (const { before, at, kind } of parts) json += before + written(kind, row[at] as string | null)
  return json + end
}

function written(kind: Kind | 'uuid' | 'moment', value: string | null): string {
  if (kind === 'text') return JSON.stringify(value)
  if (value === null) return 'null'
  if (kind === 'moment') return rfc3339(value)
  if (kind === 'boolean') return value === 't' ? 'true' : 'false'
  return value
}

const utf8 = new TextEncoder()

/**
 * As UTF-8, task by task: one text of a thousand would be joined, copied and then encoded, and with a single dash in it
 * at two bytes a character. A UTF-16 unit takes at most three bytes.
 */
export function listJson(rows: readonly Row[]): Uint8Array<ArrayBuffer> {
  const texts = rows.map((row, i) => (i === 0 ? '[' : ',') + taskJson(row))
  texts.push(rows.length === 0 ? '[]' : ']')
  const bytes = new Uint8Array(texts.reduce((sum, { length }) => sum + 3 * length, 0))
  let end = 0
  for (const text of texts) end += utf8.encodeInto(text, bytes.subarray(end)).written
  return bytes.subarray(0, end)
}

/** `2025-12-10 12:34:56.7+00` → `2025-12-10T12:34:56.700Z`. Postgres drops the zeros that end a fraction. */
export function rfc3339(timestamptz: string): string {
  if (!timestamptz.endsWith('+00')) return new Date(timestamptz).toISOString()
  const date = timestamptz.slice(0, 10)
  if (timestamptz.length === 26) return `${date}T${timestamptz.slice(11, 23)}Z`
  return `${date}T${timestamptz.slice(11, 19)}.${timestamptz.slice(20, -3).padEnd(3, '0')}Z`
}

export const tagOf = (row: Row) => row[VALIDATOR] as string

/** Names exactly these rows as they are, whatever their text: a page that is equal has an equal tag. */
export async function listTag(userId: string, rows: readonly Row[], next = ''): Promise<string> {
  const [id, updatedAt] = [place('id'), place('updated_at')]
  let named = `${columns},${userId},${next}`
  for (const row of rows) named += `,${row[id]}.${row[VALIDATOR]}.${row[updatedAt]}`
  const digest = await crypto.subtle.digest('SHA-256', utf8.encode(named))
  return hex(new Uint8Array(digest, 0, 16))
}
