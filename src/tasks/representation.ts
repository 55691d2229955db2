import type { Row } from '../db/client.ts'
import { hex } from '../keyed-hash.ts'

/** A task as clients see it. */
export interface Task {
  id: number
  user_id: string
  title: string
  description: string | null
  completed: boolean
  created_at: string
  updated_at: string
}

/** A row of `taskColumns` in queries.ts: the owner, then the task, then what tells it from itself; all as Postgres text. */
export type TaskRow = readonly [
  userId: string,
  id: string,
  title: string,
  description: string | null,
  completed: string,
  createdAt: string,
  updatedAt: string,
  /** In a list the version, which is shorter; else the whole tag. */
  validator: string,
]

/** Whether a row has a task: without one, only the owner's column is filled. */
export const hasTask = (row: Row | undefined): row is TaskRow => row?.[1] != null

/** A list can hold a thousand: text goes straight to JSON, past any mapper, Date or object. */
export function taskJson([userId, id, title, description, completed, createdAt, updatedAt]: TaskRow): string {
  return `{"id":${id},"user_id":"${userId}","title":${JSON.stringify(title)},"description":${
    description === null ? 'null' : JSON.stringify(description)
  },"completed":${completed === 't'},"created_at":"${rfc3339(createdAt)}","updated_at":"${rfc3339(updatedAt)}"}`
}

export function listJson(rows: readonly TaskRow[]): string {
  let json = '['
  for (const row of rows) json += (json.length > 1 ? ',' : '') + taskJson(row)
  return `${json}]`
}

/** `2025-12-10 12:34:56.7+00` → `2025-12-10T12:34:56.700Z`. Postgres drops the zeros that end a fraction. */
export function rfc3339(timestamptz: string): string {
  if (!timestamptz.endsWith('+00')) return new Date(timestamptz).toISOString()
  const fraction = timestamptz.slice(20, -3)
  return `${timestamptz.slice(0, 10)}T${timestamptz.slice(11, 19)}.${fraction.padEnd(3, '0')}Z`
}

export const tagOf = (row: TaskRow) => row[7]

/** Names exactly these rows as they are, whatever their text: a page that is equal has an equal tag. */
export async function listTag(userId: string, rows: readonly TaskRow[], next = ''): Promise<string> {
  let named = `${userId},${next}`
  for (const row of rows) named += `,${row[1]}.${row[7]}.${row[6]}`
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(named))
  return hex(new Uint8Array(digest, 0, 16))
}
