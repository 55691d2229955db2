/** Shared by the processes in front of PostgreSQL and Redis: the injected round-trip time, and a count of calls. */

export interface Report {
  /** Since the last report. */
  calls: number
  /** What the timer added to the round-trip time, in the mean, ms. */
  late: number
}

let rtt = 0
let calls = 0
let late = 0

export function count(): void {
  calls += 1
}

/** One way only: a question waits for the whole round trip, its answer for nothing. */
export function delayed(act: () => void): void {
  if (rtt === 0) {
    act()
    return
  }
  const due = performance.now() + rtt
  setTimeout(() => {
    late += performance.now() - due
    act()
  }, rtt)
}

/** Tells the parent where to find this process, then answers each message of its with what happened since. */
export function ready(port: number): void {
  process.on('message', (message: { rtt: number }) => {
    rtt = message.rtt
    process.send?.({ calls, late: calls > 0 ? late / calls : 0 } satisfies Report)
    calls = 0
    late = 0
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ port })
}
