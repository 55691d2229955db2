import { LIMITS } from './limits.ts'
import { jsonSchema, parameters, type Schema } from './schemas.ts'

interface Header {
  description: string
  schema: Schema
  example?: string | number
  examples?: Record<string, { value: string | number }>
}

const epochSeconds = { type: 'integer', format: 'int64', minimum: 1 }
const seconds = { type: 'integer', minimum: 1 }
const text = { type: 'string' }

const header = (description: string, schema: Schema, example: string | number): Header => ({
  description,
  schema,
  example,
})

/** One of a read's and one of a write's. */
const ofBudget = (
  description: string,
  schema: Schema,
  read: string | number,
  write: string | number,
): Header => ({
  description,
  schema,
  examples: { read: { value: read }, write: { value: write } },
})

export const REQUEST_ID = '0b7e4c1a-2f6d-4e8b-9c3a-5d1f7a9e2b46'
export const ETAG = '"7.1.1765370096000.42.5f3c1d2e-8a4b-4c6d-9e7f-0a1b2c3d4e5f"'
const CURSOR = 'v1.1765370096000.42.9f86d081884c7d659a2feaa0c55ad015'
const { description: _, ...cursor } = jsonSchema(parameters.cursor, 'input')

/** Every header that an answer may have; which has which stands with the answers. */
export const headers = {
  'X-Request-Id': header(
    'Names this request in the logs: the caller’s own, when it is 1–128 of `[A-Za-z0-9_-]`, else a UUID.',
    { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' },
    REQUEST_ID,
  ),
  'RateLimit-Policy': ofBudget(
    'The budget that was charged: `q` requests in `w` seconds (IETF draft, structured field).',
    { type: 'string', pattern: '^"[a-z-]+";q=[0-9]+;w=[0-9]+' },
    `"read";q=${LIMITS.read};w=60`,
    `"write";q=${LIMITS.write};w=60`,
  ),
  RateLimit: ofBudget(
    'What is left of it: `r` requests, for `t` more seconds. Absent where it would be a guess.',
    { type: 'string', pattern: '^"[a-z-]+";r=[0-9]+;t=[0-9]+' },
    '"read";r=57;t=23',
    '"write";r=12;t=23',
  ),
  'X-RateLimit-Limit': ofBudget(
    'Requests a minute.',
    { type: 'integer', minimum: 1 },
    LIMITS.read,
    LIMITS.write,
  ),
  'X-RateLimit-Remaining': ofBudget(
    'Requests left in this minute. Absent where it would be a guess.',
    { type: 'integer', minimum: 0 },
    57,
    12,
  ),
  'X-RateLimit-Reset': header(
    'When the minute ends, in seconds since 1970. Absent where it would be a guess.',
    epochSeconds,
    1765370119,
  ),
  'Retry-After': header('Whole seconds; a client that waits them is served.', seconds, 24),
  ETag: header(
    'Names what is in the body, as it is now, for `If-Match` and `If-None-Match`. Opaque: only to be sent back.',
    { type: 'string', pattern: '^"[!#-~]+"$' },
    ETAG,
  ),
  Link: header(
    'Where the next page is (RFC 8288); absent on the last one.',
    { type: 'string', pattern: '^<[^>]+>; rel="next"' },
    `<https://api.example.com/tasks?limit=50&cursor=${CURSOR}>; rel="next"`,
  ),
  'X-Next-Cursor': header('The `cursor` of the next page; absent on the last one.', cursor, CURSOR),
  Location: header(
    'The path of the new task.',
    { type: 'string', format: 'uri-reference', pattern: '^/tasks/[1-9][0-9]*$' },
    '/tasks/42',
  ),
  'Idempotency-Replayed': header(
    'Present when the same key and body had already made this task.',
    { type: 'string', const: 'true' },
    'true',
  ),
  'Accept-Patch': header(
    'The media types that PATCH takes (RFC 5789).',
    text,
    'application/json, application/merge-patch+json',
  ),
  'Cache-Control': header('How long, and by whom, the answer may be kept.', text, 'private, no-cache'),
  Vary: header('The request headers that the answer depends on.', text, 'Origin, Authorization'),
  'WWW-Authenticate': header(
    'The challenge (RFC 6750): with `error="invalid_token"` when a token was sent.',
    { type: 'string', pattern: '^Bearer ' },
    'Bearer realm="tasks", error="invalid_token"',
  ),
} satisfies Record<string, Header>

export type HeaderName = keyof typeof headers

/** References to headers that are always there, then to those that may be missing. */
export function refer(required: readonly HeaderName[], optional: readonly HeaderName[] = []): Schema {
  return Object.fromEntries([
    ...required.map((name) => [name, { $ref: `#/components/headers/${name}` }]),
    ...optional.map((name) => [name, { $ref: `#/components/headers/${name}.optional` }]),
  ])
}

/** A Reference Object cannot say whether it is required: each header is a component twice, where both are used. */
export function headerComponents(used: string): Schema {
  const components = Object.entries(headers).flatMap(([name, header]) => [
    [name, { ...header, required: true }],
    [`${name}.optional`, header],
  ])
  return Object.fromEntries(components.filter(([name]) => used.includes(`"#/components/headers/${name}"`)))
}

/** On every answer. */
export const ALWAYS: HeaderName[] = ['X-Request-Id', 'Cache-Control', 'Vary']
/** On every answer that was charged to a budget. */
export const CHARGED: HeaderName[] = ['RateLimit-Policy', 'X-RateLimit-Limit']
export const COUNTED: HeaderName[] = ['RateLimit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']
