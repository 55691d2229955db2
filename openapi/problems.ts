import { type ProblemType, registry } from '../src/problem.ts'
import { ALWAYS, CHARGED, COUNTED, type HeaderName, headers, refer } from './headers.ts'
import type { Operation } from './operations.ts'
import { problemExample } from './problem-examples.ts'
import { jsonSchema, type Schema, Timestamp } from './schemas.ts'

/** When a client meets each, in one sentence. */
export const WHEN: Record<ProblemType, string> = {
  validation_error: 'The body, the path or the query does not fit, or the body is not JSON.',
  authentication_error: 'No session token, or one that is unknown, expired, revoked or malformed.',
  not_found: 'There is no such task, or it is another user’s: the answer is the same.',
  method_not_allowed: 'The path is known, the method is not one of `Allow`.',
  request_timeout: 'The body did not arrive whole within ten seconds.',
  precondition_failed: 'The task is no longer at the version that `If-Match` names.',
  payload_too_large: 'The body is larger than 64 KiB.',
  unsupported_media_type: 'The body is not `application/json`.',
  idempotency_key_reused: 'The same `Idempotency-Key` came with another body in the last 24 hours.',
  rate_limit_exceeded: 'The minute’s budget is spent. The request did nothing.',
  internal_error: 'A bug. What went wrong is in the log under `request_id`.',
  service_unavailable:
    'The database is down, slow or misconfigured. When a write’s outcome is unknown, `detail` says so.',
}

/** The vocabulary of `errors[].code`, with what the value of that field is not. */
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

/** `not_found` → `NotFoundProblem`: apart from the names that a generator or its language takes. */
const schemaName = (type: ProblemType) =>
  `${type.replace('_error', '').replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase())}Problem`

/** No operation of the document can meet a 405, which is for methods that it does not have. */
export const responseTypes = types.filter((type) => type !== 'method_not_allowed')

/*
 * Answers are open: a client that was generated yesterday has to take the member and the code of tomorrow. What there
 * is today stands in `examples`, which no client holds an answer to. (The tests do.)
 */
const FieldError = {
  type: 'object',
  description: 'One thing that does not fit.',
  properties: {
    field: {
      type: 'string',
      description: 'Where: a dotted path, the name of a parameter or of a header, or `body`.',
      examples: ['title', 'task_ids.0', 'limit', 'Idempotency-Key', 'body'],
    },
    message: { type: 'string', description: 'What should have been, for people.' },
    code: {
      type: 'string',
      description: 'The same, for programs. There may be more codes one day.',
      examples: Object.keys(CODES),
    },
    value: {
      description: 'What was sent, cut to 100 characters; left out when it is an object or a list.',
      // Not an array of types: generators of Go have no word for it.
      oneOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'null' }],
    },
  },
  required: ['field', 'message', 'code'],
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
      description: 'The budget that is spent.',
      properties: {
        limit: { ...count, description: 'Requests in a window.' },
        remaining: { ...count, description: 'Requests left: none.' },
        reset: { ...count, format: 'int64', description: 'When the window ends, in seconds since 1970.' },
        window_seconds: { ...count, description: 'How long a window is.' },
      },
      required: ['limit', 'remaining', 'reset', 'window_seconds'],
    },
  },
}

/** Whole, each by itself: what `allOf` puts together, some generators drop. */
function problemSchema(type: ProblemType): Schema {
  const [status, title] = registry[type]
  const properties = {
    type: { type: 'string', const: type, description: 'Which problem it is, for programs.' },
    title: { type: 'string', description: 'Which problem it is, for people.', examples: [title] },
    status: { type: 'integer', const: status, description: 'The status of the answer.' },
    detail: { type: 'string', description: 'What happened this time, for people.' },
    instance: { type: 'string', format: 'uri-reference', description: 'The path of the request.' },
    timestamp: jsonSchema(Timestamp, 'output'),
    request_id: { ...headers['X-Request-Id'].schema, description: 'The `X-Request-Id` header.' },
    ...EXTRA[type],
  }
  return { type: 'object', description: WHEN[type], properties, required: Object.keys(properties) }
}

export const problemSchemas: Record<string, Schema> = {
  FieldError,
  ...Object.fromEntries(responseTypes.map((type) => [schemaName(type), problemSchema(type)])),
}

/** Headers a problem has of its own; and whether a budget was charged before it, always or perhaps. */
const OWN: { [T in ProblemType]?: HeaderName[] } = {
  authentication_error: ['WWW-Authenticate'],
  rate_limit_exceeded: ['Retry-After'],
  service_unavailable: ['Retry-After'],
}
const PERHAPS_CHARGED: ProblemType[] = ['internal_error', 'service_unavailable']

/** The problem as the answer to this operation, with an example that it gave. */
export async function problemContent(type: ProblemType, operation: Operation): Promise<Schema> {
  return {
    'application/problem+json': {
      schema: { $ref: `#/components/schemas/${schemaName(type)}` },
      example: await problemExample(type, operation),
    },
  }
}

export async function problemResponse(type: ProblemType, operation: Operation): Promise<Schema> {
  const own = [...ALWAYS, ...(OWN[type] ?? [])]
  if (type === 'unsupported_media_type' && operation.method === 'patch') own.push('Accept-Patch')
  return {
    description: `${registry[type][1]}. ${WHEN[type]}`,
    headers: PERHAPS_CHARGED.includes(type)
      ? refer(own, [...CHARGED, ...COUNTED])
      : refer([...own, ...CHARGED], COUNTED),
    content: await problemContent(type, operation),
  }
}
