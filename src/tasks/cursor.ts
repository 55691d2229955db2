import type { Row } from '../db/client.ts'
import type { Settings } from '../env.ts'
import { hex, hmac } from '../keyed-hash.ts'
import { invalid } from '../problem.ts'
import { rfc3339, textOf } from './representation.ts'

/** The place after which a page starts, in the order of GET /tasks. */
export interface Position {
  /** RFC 3339. */
  createdAt: string
  id: string
}

/** Changes with the order of the list or with what is signed. */
const VERSION = 'v1'
const MAC_BYTES = 16

/** `v1.<epoch ms>.<id>.<mac>`, so that a cursor nobody made here is told apart and never reaches SQL. */
export async function encodeCursor(settings: Settings, last: Row): Promise<string> {
  const position = `${VERSION}.${Date.parse(rfc3339(textOf(last, 'created_at')))}.${textOf(last, 'id')}`
  return `${position}.${await mac(settings.SESSION_HASH_SECRET, position)}`
}

/** Throws the 400 `cursor_invalid`. */
export async function decodeCursor(settings: Settings, cursor: string): Promise<Position> {
  const [, position, time, id, given] =
    /^(v1\.(-?\d{1,15})\.([1-9]\d{0,15}))\.([0-9a-f]{32})$/.exec(cursor) ?? []
  const { SESSION_HASH_SECRET: current, SESSION_HASH_SECRET_PREVIOUS: previous } = settings
  for (const secret of [current, previous]) {
    // Constant time is not called for: a forged cursor opens nothing but another place in one's own list.
    if (position && id && secret && given === (await mac(secret, position))) {
      return { createdAt: new Date(Number(time)).toISOString(), id }
    }
  }
  throw invalid([
    {
      field: 'cursor',
      message: 'Cursor is not one that this API returned',
      code: 'cursor_invalid',
      value: [...cursor].slice(0, 100).join(''),
    },
  ])
}

async function mac(secret: string, position: string): Promise<string> {
  // No session token has a colon, so this message can never be one.
  return hex((await hmac(secret, `cursor:${position}`)).subarray(0, MAC_BYTES))
}
