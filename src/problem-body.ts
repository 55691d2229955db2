import type { FieldError, ProblemType, registry } from './problem.ts'

/** A problem as clients read it (RFC 9457): types alone, of what problem.ts and limit/headers.ts write. */
export type ProblemBody<T extends ProblemType = ProblemType> = {
  [K in T]: {
    type: K
    title: (typeof registry)[K][1]
    status: (typeof registry)[K][0]
    detail: string
    instance: string
    timestamp: string
    request_id: string
  } & (K extends keyof Members ? Members[K] : unknown)
}[T]

interface Members {
  validation_error: { errors: FieldError[] }
  rate_limit_exceeded: {
    retry_after: number
    rate_limit_info: { limit: number; remaining: number; reset: number; window_seconds: number }
  }
}

/** Any route may answer with one of these. */
export type ProblemResponses = {
  [K in ProblemType as (typeof registry)[K][0]]: { json: ProblemBody<K> }
}
