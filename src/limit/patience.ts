const TICK_MS = 50
/** 250 ms in which nobody who asked earlier, or at the same time, got an answer either. */
const SILENT_TICKS = 5
/** A second in all, however well the queue moves. */
const MAX_TICKS = 20
const FORGOTTEN_MS = 5_000

interface Call {
  startedAt: number
  silent: number
}

/**
 * A deadline of 250 ms that takes a queue for what it is. A burst of requests waits for the isolate's one thread and
 * for the upstream's; a plain timeout would call that an outage, and the burst would be given a second budget.
 * Time is counted in turns of the event loop: an answer that is here already, but not yet read, is not late.
 */
export class Patience {
  /** The calls under way, oldest first. */
  readonly #calls = new Set<Call>()

  async wait<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const call = this.#begin()
    const late = new AbortController()
    let ticks = 0
    let timer = setTimeout(function tick() {
      ticks += 1
      call.silent += 1
      if (call.silent < SILENT_TICKS && ticks < MAX_TICKS) timer = setTimeout(tick, TICK_MS)
      else late.abort(new DOMException('no answer', 'TimeoutError'))
    }, TICK_MS)
    try {
      const answer = await work(late.signal)
      this.#encourage(call)
      return answer
    } finally {
      clearTimeout(timer)
      this.#calls.delete(call)
    }
  }

  #begin(): Call {
    const call = { startedAt: Date.now(), silent: 0 }
    // A call whose client has left never ends here.
    for (const other of this.#calls) {
      if (call.startedAt - other.startedAt < FORGOTTEN_MS) break
      this.#calls.delete(other)
    }
    this.#calls.add(call)
    return call
  }

  /** An answer tells those who asked no earlier that their turn is coming. */
  #encourage({ startedAt }: Call): void {
    for (const other of this.#calls) if (other.startedAt >= startedAt) other.silent = 0
  }
}
