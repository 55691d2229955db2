/** Every way a request can fail, and nothing outside it: status, title, and the detail where no other is given. */
export const registry = {
  validation_error: [400, 'Request validation failed', 'One or more validation errors occurred'],
  authentication_error: [401, 'Authentication failed', 'Invalid or missing authentication credentials'],
  not_found: [404, 'Resource not found', 'The requested resource was not found'],
  method_not_allowed: [405, 'Method not allowed', 'This resource does not support the method of the request'],
  request_timeout: [408, 'Request timeout', 'The body did not arrive whole within 10 seconds'],
  precondition_failed: [
    412,
    'Precondition failed',
    'The task has changed since the version the request names',
  ],
  payload_too_large: [413, 'Payload too large', 'The body is larger than 64 KiB'],
  unsupported_media_type: [415, 'Unsupported media type', 'Send the body as application/json'],
  idempotency_key_reused: [
    422,
    'Idempotency key reused',
    'This Idempotency-Key was already used with another body in the last 24 hours',
  ],
  rate_limit_exceeded: [429, 'Rate limit exceeded', 'Too many requests'],
  internal_error: [500, 'Internal server error', 'An unexpected error occurred'],
  service_unavailable: [
    503,
    'Service unavailable',
    'The service is temporarily unavailable. Try again shortly.',
  ],
} as const

export type ProblemType = keyof typeof registry

/** One entry of `errors[]`; `value` is absent when it is not a string, number, boolean or null. */
export interface FieldError {
  field: string
  message: string
  code: string
  value?: string | number | boolean | null
}

interface Extra {
  detail?: string
  headers?: Record<string, string>
  /** Members beside the seven that every problem has: `errors`, or `retry_after` and `rate_limit_info`. */
  members?: Record<string, unknown>
  /** For the log line only. */
  cause?: unknown
}

/** Throw one anywhere; `onError` of problem-response.ts answers with it. */
export class Problem extends Error {
  readonly type: ProblemType
  readonly extra: Extra

  constructor(type: ProblemType, extra: Extra = {}) {
    super(type)
    this.type = type
    this.extra = extra
  }
}

export const invalid = (errors: FieldError[]) => new Problem('validation_error', { members: { errors } })

/** RFC 6750 §3: no error code when the request carries no credentials at all. */
export const unauthorized = (error?: 'invalid_token') =>
  new Problem('authentication_error', {
    headers: { 'WWW-Authenticate': `Bearer realm="tasks"${error ? `, error="${error}"` : ''}` },
  })

export const malformed = () =>
  invalid([{ field: 'body', message: 'Body is not valid JSON', code: 'json_invalid' }])
