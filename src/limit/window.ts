import { CappedMap } from './capped-map.ts'

/** Budgets are counted in minutes that are aligned to the clock, so that every instance counts the same one. */
export const WINDOW_MS = 60_000

export const windowEnd = (now: number) => (Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS

/** The platform does not say where its minute begins: a whole one from now has ended any that it may mean. */
export const inAMinute = () => Date.now() + WINDOW_MS

/** Hits a key in the current minute, as this isolate saw them. */
export class WindowCounter {
  readonly #counts = new CappedMap<string, { count: number; end: number }>(10_000)

  hit(key: string, now: number): number {
    const seen = this.#counts.get(key)
    const count = seen && now < seen.end ? seen.count + 1 : 1
    this.#counts.set(key, { count, end: windowEnd(now) })
    return count
  }
}
