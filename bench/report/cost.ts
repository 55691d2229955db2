import { type Cell, type Population, perMinute } from '../measure/population.ts'
import { median } from './stats.ts'

/** US dollars, without tax: list prices of November 2026 as docs/operator.md has them, where its sources are. */
export const PRICES = {
  /** Workers, past what is in the plan. */
  request: 0.3 / 1e6,
  cpuMs: 0.02 / 1e6,
  /** Upstash, pay as you go. */
  command: 0.2 / 1e5,
  /** Neon, Launch: a compute of one CPU for an hour. */
  computeHour: 0.106,
  /** Assumed: a virtual machine of two CPUs and 4 GB at a plain host's, with the app and its own Redis on it. */
  server: 24,
}
/** Assumed of Neon's computes: a CPU that is paid for is at work so much of the time. */
export const BUSY = 0.5
const HOURS_A_MONTH = 730

/** Of a million requests. */
export interface Cost {
  /** Workers, or a server. */
  app: number
  redis: number
  database: number
  total: number
}

/** Requests in a month that is all like the population's minutes. */
export const month = (cell: Cell) => perMinute(cell) * 60 * HOURS_A_MONTH

export const isServer = ({ stack }: Population) => stack !== 'worker' && stack !== 'naive'

export function cost(population: Population): Cost {
  const of = (values: readonly number[]) => median(values) * 1e6
  const database = (of(population.databaseCpu) / 1e6 / 3600 / BUSY) * PRICES.computeHour
  const app = isServer(population)
    ? (PRICES.server / month(population)) * 1e6
    : 1e6 * PRICES.request + (of(population.cpu) / 1000) * PRICES.cpuMs
  const redis = isServer(population) ? 0 : of(population.billed) * PRICES.command
  return { app, redis, database, total: app + redis + database }
}
