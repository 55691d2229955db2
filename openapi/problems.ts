import type { Context } from 'hono'
import { type AppEnv, router } from '../src/context.ts'
import { settle } from '../src/limit/headers.ts'
import { notFound, onError, Problem, type ProblemType, registry, unauthorized } from '../src/problem.ts'
import { TaskCreate } from '../src/tasks/schemas.ts'
import { body } from '../src/validate.ts'
import { ALWAYS, CHARGED, COUNTED, type HeaderName, headers, REQUEST_ID, refer } from './headers.ts'
import { jsonSchema, type Schema, Timestamp } from './schemas.ts'

/** When a client meets each, in one sentence. */
export const WHEN: Record<ProblemType, string> = {
  validation_error: 'The body, the path or the query does not fit, or the body is not JSON.',
  authentication_error: 'No session token, or one that is unknown, expired, revoked or malformed.',
  not_found: 'There is no such task, or it is another user’s: the answer is the same.',
  method_not_allowed: 'The path is known, the method is not one of `Allow`.',
  precondition_failed: 'The task is no longer at the version that `If-Match` names.',
  payload_too_large: 'The body is larger than 64 KiB.',
  unsupported_media_type: 'The body is not `application/json`.',
  idempotency_key_reused: 'The same `Idempotency-Key` came with another body in the last 24 hours.',
  rate_limit_exceeded: 'The minute’s budget is spent. The request did nothing.',
  internal_error: 'A bug. What went wrong is in the log under `request_id`.',
  service_unavailable:
    'The database is down, slow or misconfigured. When a write’s outcome is unknown, `detail` says so.',
}

/** The closed vocabulary of `errors[].code`, with what the value of that field is not. */
export const CODES = {
  missing: 'a required member',
  string_type: 'a string',
  bool_type: 'a boolean',
  list_type: 'a list',
  int_type: 'an integer',
  string_too_short: 'long enough, or more than white space',
  string_too_long: 'short enough, in code points',
  string_invalid: 'free of NUL and unpaired surrogates',
  too_short: 'a list of at least one',
  too_long: 'a list of at most 1000',
  int_parsing: 'an integer in decimal notation',
  greater_than_equal: 'large enough',
  less_than_equal: 'small enough',
  bool_parsing: '`true` or `false`',
  cursor_invalid: 'a cursor that this API returned',
  json_invalid: 'JSON',
  model_type: 'a JSON object',
  empty_update: 'a change of anything',
}

export const types = Object.keys(registry) as ProblemType[]
/** `not_found` → `NotFound`, the name of its schema and of its response. */
export const pascal = (type: string) =>
  type.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())

/** No operation of the document can meet a 405, which is for methods that it does not have. */
export const responseTypes = types.filter((type) => type !== 'method_not_allowed')

const FieldError = {
  type: 'object',
  description: 'One thing that does not fit.',
  properties: {
    field: { type: 'string', description: 'Where: a dotted path, or `body`.', examples: ['task_ids.0'] },
    message: { type: 'string', description: 'What should have been, for people.' },
    code: { type: 'string', enum: Object.keys(CODES), description: 'The same, for programs.' },
    value: {
      type: ['string', 'number', 'boolean', 'null'],
      description: 'What was sent, cut to 100 characters; left out when it is an object or a list.',
    },
  },
  required: ['field', 'message', 'code'],
  additionalProperties: false,
}

const count = { type: 'integer', minimum: 0 }
const EXTRA: { [T in ProblemType]?: Record<string, Schema> } = {
  validation_error: {
    errors: { type: 'array', items: { $ref: '#/components/schemas/FieldError' }, minItems: 1, maxItems: 20 },
  },
  rate_limit_exceeded: {
    retry_after: { ...count, minimum: 1, description: 'The seconds of `Retry-After`.' },
    rate_limit_info: {
      type: 'object',
      properties: {
        limit: { ...count, description: 'Requests in a window.' },
        remaining: { ...count, description: 'Requests left: none.' },
        reset: { ...count, description: 'When the window ends, in seconds since 1970.' },
        window_seconds: { ...count, description: 'How long a window is.' },
      },
      required: ['limit', 'remaining', 'reset', 'window_seconds'],
      additionalProperties: false,
    },
  },
}

/** What all problems have; each is this with its own words, and with no member beside its own. */
const AnyProblem = {
  type: 'object',
  description: 'Every 4xx and 5xx is one of these (RFC 9457).',
  properties: {
    type: { type: 'string', enum: types, description: 'Which problem it is, for programs.' },
    title: { type: 'string', description: 'Which problem it is, for people.' },
    status: { type: 'integer', description: 'The status of the answer.' },
    detail: { type: 'string', description: 'What happened this time, for people.' },
    instance: { type: 'string', format: 'uri-reference', description: 'The path of the request.' },
    timestamp: jsonSchema(Timestamp, 'output'),
    request_id: { ...headers['X-Request-Id'].schema, description: 'The `X-Request-Id` header.' },
  },
  required: ['type', 'title', 'status', 'detail', 'instance', 'timestamp', 'request_id'],
}

function problemSchema(type: ProblemType): Schema {
  const [status, title] = registry[type]
  const own = { type: { const: type }, title: { const: title }, status: { const: status } }
  return {
    description: WHEN[type],
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      { type: 'object', properties: { ...own, ...EXTRA[type] }, required: Object.keys(EXTRA[type] ?? {}) },
    ],
    unevaluatedProperties: false,
  }
}

export const problemSchemas: Record<string, Schema> = {
  FieldError,
  Problem: AnyProblem,
  ...Object.fromEntries(responseTypes.map((type) => [pascal(type), problemSchema(type)])),
}

/** How src/ itself answers, so that no example is made up. */
const example = router()
example.onError(onError)
example.notFound(notFound)
example.use(async (c, next) => {
  c.set('requestId', REQUEST_ID)
  c.set('note', {})
  await next()
})
example.post('/tasks', body(TaskCreate))
const spent = (c: Context<AppEnv>) =>
  settle(c, {
    admitted: false,
    policy: 'write',
    limit: 30,
    by: 'redis',
    remaining: 0,
    reset: Date.now() + 23_000,
  })
const raised: { [T in ProblemType]?: (c: Context<AppEnv>) => void } = {
  authentication_error() {
    throw unauthorized('invalid_token')
  },
  rate_limit_exceeded: spent,
  internal_error() {
    throw new Error()
  },
}
example.all('/tasks/:type', (c) => {
  const type = c.req.query('type') as ProblemType
  raised[type]?.(c)
  throw new Problem(type)
})

export async function problemExample(type: ProblemType): Promise<Record<string, unknown>> {
  const response =
    type === 'validation_error'
      ? await example.request('/tasks', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ title: ' ', completed: 'yes' }),
        })
      : await example.request(`/tasks/42?type=${type}`)
  return await response.json()
}

/** Headers a problem has of its own; and whether a budget was charged before it, always or perhaps. */
const OWN: { [T in ProblemType]?: HeaderName[] } = {
  authentication_error: ['WWW-Authenticate'],
  rate_limit_exceeded: ['Retry-After'],
  service_unavailable: ['Retry-After'],
}
const PERHAPS_CHARGED: ProblemType[] = ['payload_too_large', 'internal_error', 'service_unavailable']

export async function problemResponse(type: ProblemType): Promise<Schema> {
  const own = [...ALWAYS, ...(OWN[type] ?? [])]
  return {
    description: `${registry[type][1]}. ${WHEN[type]}`,
    headers: PERHAPS_CHARGED.includes(type)
      ? refer(own, [...CHARGED, ...COUNTED])
      : refer([...own, ...CHARGED], COUNTED),
    content: {
      'application/problem+json': {
        schema: { $ref: `#/components/schemas/${pascal(type)}` },
        example: await problemExample(type),
      },
    },
  }
}
