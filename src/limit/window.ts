/** Budgets are counted in minutes of the clock, so that every instance counts the same one. */
export const WINDOW_MS = 60_000

/** When the window ends that `now` is in; both in epoch ms. */
export const windowEnd = (now: number, length = WINDOW_MS) => (Math.floor(now / length) + 1) * length
