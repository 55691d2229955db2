import type { ClientRequestOptions, ClientResponse } from 'hono/client'
import type { ProblemBody } from '../../src/problem-body.ts'
import { NoAnswer, NotTheApi, Refused, SignedOut } from './errors.ts'

export interface Options {
  /** Where the API is: `https://api.example.com`, or `/api` behind a proxy of the page's own origin. */
  url: string
  /** The one place that says how a token is got: asked before each request. Without one, nothing is sent. */
  token: () => string | undefined | Promise<string | undefined>
  /** What happens when the session is over, before `SignedOut` is thrown. */
  onSignedOut?: () => void
  /** Told before each wait, so that a person can be; the status is 0 when there was no answer. */
  onWait?: (seconds: number, status: number) => void
  /** How many seconds one call may wait in all: a spent budget asks for 60 at most. Default 70. */
  maxWait?: number
  /** How many seconds an answer may take. Default 20. */
  timeout?: number
  fetch?: typeof fetch
}

export interface CallOptions {
  signal?: AbortSignal
}

type Success<R> = Extract<R, { ok: true }>

interface Call<R> extends CallOptions {
  send: (options: ClientRequestOptions) => Promise<R>
  headers?: Record<string, string> | undefined
}

export interface Answer<T> {
  body: T
  headers: Headers
}

const ATTEMPTS = 5

/**
 * Sends, and sends again where that may help and cannot harm: after a 429, which did nothing, and after a lost answer
 * or a 503, for which each operation of the client has its way to be done once.
 */
export function sender({ token, onSignedOut, onWait, maxWait = 70, timeout = 20 }: Options) {
  return async function call<R extends ClientResponse<unknown>>({ send, headers, signal }: Call<R>) {
    let sentBefore = false
    let waited = 0
    let refused: string | undefined
    for (let attempt = 1; ; attempt += 1) {
      const current = await token()
      // A 401 is final only for a token that is still the current one: another tab may have signed in meanwhile.
      if (!current || current === refused) {
        onSignedOut?.()
        throw new SignedOut('The session is over: sign in again')
      }
      const authorized = { ...headers, Authorization: `Bearer ${current}` }
      const init = { signal: withTimeout(timeout * 1000, signal) }
      const { result, status, retryAfter } = await outcome(send({ headers: authorized, init }), sentBefore)
      signal?.throwIfAborted()
      if (!(result instanceof Error)) return result as Answer<Awaited<ReturnType<Success<R>['json']>>>
      if (status === 401 && result instanceof Refused) {
        refused = current
        continue
      }
      const mayHaveRun = status === 0 || status === 503 || (status > 500 && result instanceof NotTheApi)
      if (status !== 429 && !mayHaveRun) throw result
      sentBefore ||= mayHaveRun
      const seconds = retryAfter ?? 2 ** (attempt - 2) * (0.75 + Math.random() / 2)
      waited += seconds
      if (attempt === ATTEMPTS || waited > maxWait) throw result
      onWait?.(seconds, status)
      await pause(seconds * 1000, signal)
    }
  }
}

interface Outcome {
  result: Answer<unknown> | Error
  status: number
  retryAfter?: number | undefined
}

/** What came of a request, read to its end: an answer may break off anywhere. */
async function outcome(sent: Promise<ClientResponse<unknown>>, sentBefore: boolean): Promise<Outcome> {
  let response: ClientResponse<unknown>
  let text: string
  try {
    response = await sent
    text = await response.text()
  } catch (cause) {
    return { result: new NoAnswer('No answer came', { cause }), status: 0 }
  }
  const { ok, status, headers } = response
  const type = headers.get('Content-Type') ?? ''
  if (status === 204) return { result: { body: null, headers }, status }
  const body = parsed(text)
  if (ok && type.startsWith('application/json') && body !== undefined) {
    return { result: { body, headers }, status }
  }
  if (ok || !type.startsWith('application/problem+json') || body === undefined) {
    return { result: new NotTheApi(status, text), status, retryAfter: seconds(headers.get('Retry-After')) }
  }
  const problem = body as ProblemBody
  // Where a proxy has lost the header, the problem of a 429 says the same.
  const stated = problem.status === 429 ? problem.retry_after : undefined
  const retryAfter = seconds(headers.get('Retry-After')) ?? stated
  return { result: new Refused(problem, sentBefore), status, retryAfter }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `Retry-After` (RFC 9110 §10.2.3): seconds, or a date. */
function seconds(retryAfter: string | null): number | undefined {
  if (retryAfter === null || retryAfter === '') return undefined
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter)
  const date = Date.parse(retryAfter)
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000)
}

function withTimeout(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(ms)
  return signal ? AbortSignal.any([signal, timeout]) : timeout
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
