/** Shared by the processes in front of PostgreSQL and Redis: the injected round-trip time, and a count of calls. */

export interface Report {
  /** Since the last report. */
  calls: number
  /** Commands, as Upstash bills them. */
  billed: number
}

let rtt = 0
let calls = 0

export function count(): void {
  calls += 1
}

/** One way only: a question waits for the whole round trip, its answer for nothing. */
export function delayed(act: () => void): void {
  if (rtt === 0) {
    act()
    return
  }
  setTimeout(act, rtt)
}

/** Tells the parent where to find this process, then answers each message of its with what happened since. */
export function ready(port: number, billed = () => 0): void {
  let told = 0
  process.on('message', (message: { rtt: number }) => {
    rtt = message.rtt
    process.send?.({ calls, billed: billed() - told } satisfies Report)
    calls = 0
    told = billed()
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ port })
}
