import { log } from '../log.ts'

const FAILURES_TO_OPEN = 3
const OPEN_MS = 10_000
/** As long as a probe can last: one that its client has left unfinished does not cost ten seconds more. */
const PROBE_MS = 1_000

/** While Redis is away, one request in ten seconds waits to find out whether it is back; the others do not ask. */
export class Breaker {
  #state: 'closed' | 'open' | 'probing' = 'closed'
  #failures = 0
  #askAgainAt = 0

  allows(now: number): boolean {
    if (this.#state === 'closed') return true
    if (now < this.#askAgainAt) return false
    this.#askAgainAt = now + PROBE_MS
    this.#state = 'probing'
    return true
  }

  /** An answer to a call from before the breaker opened says nothing new: only a probe closes it. */
  succeeded(): void {
    if (this.#state === 'open') return
    if (this.#state === 'probing') log('info', 'limiter', { mode: 'redis' })
    this.#failures = 0
    this.#state = 'closed'
  }

  failed(now: number, error: unknown): void {
    this.#failures += 1
    if (this.#state === 'open' || this.#failures < FAILURES_TO_OPEN) return
    if (this.#state === 'closed') log('warn', 'limiter', { mode: 'degraded', reason: reasonOf(error) })
    this.#state = 'open'
    this.#askAgainAt = now + OPEN_MS
  }
}

/**
 * The words with which Redis refused (`WRONGPASS`, `NOPERM`, `ERR max requests limit exceeded`), which the SDK puts in
 * front of the command, key included; else the error's name. Of any other ERR only that: it may quote what was sent.
 */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const [words] = /^(ERR max [a-z ]*[a-z]|[A-Z]{3,})/.exec(error.message) ?? []
  return error.name === 'UpstashError' && words ? words : error.name
}
