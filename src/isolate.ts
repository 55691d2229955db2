import type { Settings } from './env.ts'

/** What lives as long as the isolate, one for its settings. Plain values only, and all of it safe to lose. */
export function perIsolate<T>(make: (settings: Settings) => T): (settings: Settings) => T {
  const made = new WeakMap<Settings, T>()
  return (settings) => {
    let value = made.get(settings)
    if (value === undefined) {
      value = make(settings)
      made.set(settings, value)
    }
    return value
  }
}
