/** Of those that could be measured. */
export function median(values: readonly number[]): number {
  const sorted = sortedOf(values)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** y = a + b × x, least squares. */
export function fit(points: readonly (readonly [x: number, y: number])[]): { a: number; b: number } {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map((point) => point[0]))
  const y = mean(points.map((point) => point[1]))
  const b =
    points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) /
    points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  return { a: y - b * x, b }
}

/** A median over rounds, with an interval that needs no assumption about how rounds scatter. */
export interface Estimate {
  value: number
  low: number
  high: number
}

const sortedOf = (values: readonly number[]) => values.filter(Number.isFinite).sort((a, b) => a - b)

/** Between the k-th smallest and the k-th largest: at least 95 % sure, or as sure as so few rounds allow. Undefined where there is none. */
export function estimate(rounds: readonly number[]): Estimate | undefined {
  const sorted = sortedOf(rounds)
  if (sorted.length === 0) return undefined
  const k = depth(sorted.length)
  return { value: median(rounds), low: sorted[k - 1] as number, high: sorted.at(-k) as number }
}

/** How sure `estimate` is of its interval: the median lies outside k order statistics as a coin falls. */
export function confidence(rounds: number): number {
  return 1 - 2 * tail(rounds, depth(rounds) - 1)
}

function depth(rounds: number): number {
  let k = 1
  while (k + 1 <= rounds / 2 && 1 - 2 * tail(rounds, k) >= 0.95) k += 1
  return k
}

/** The chance of at most k heads in n throws. */
function tail(n: number, k: number): number {
  let chance = 0.5 ** n
  let sum = 0
  for (let i = 0; i <= k; i += 1) {
    sum += chance
    chance *= (n - i) / (i + 1)
  }
  return sum
}
