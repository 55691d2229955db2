import { hex } from '../keyed-hash.ts'
import { invalid } from '../problem.ts'
import { fields, names } from '../task.ts'
import type { TaskCreate } from './schemas.ts'

/**
 * The key of draft-ietf-httpapi-idempotency-key-header, a structured-field string (RFC 9651 §3.3.3), or the same
 * bare, as many clients send it: 1 to 255 printable ASCII characters. Anything else throws the 400.
 */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const [, quoted] = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header) ?? []
  const key = quoted?.replace(/\\(["\\])/g, '$1') ?? header
  if (key === '') throw refused('string_too_short', 'String should have at least 1 character')
  if (key.length > 255) throw refused('string_too_long', 'String should have at most 255 characters')
  if (!/^[\x20-\x7e]+$/.test(key))
    throw refused('string_invalid', 'String should be of printable ASCII characters')
  return key
}

const refused = (code: string, message: string) => invalid([{ field: 'Idempotency-Key', message, code }])

/**
 * Of what a body says other than by default, so that spaces, the order of members and unknown members make no other
 * body, nor does a field that came to be after the key was used.
 */
export async function bodyHash(task: TaskCreate): Promise<string> {
  const said = names.filter((name) => task[name] !== fields[name].initial).map((name) => [name, task[name]])
  const bytes = new TextEncoder().encode(JSON.stringify(said))
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}
