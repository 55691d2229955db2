import type { Database } from '../db/client.ts'
import { linesOf, SHAPE } from '../db/shape.ts'
import type { Settings } from '../env.ts'
import { Problem } from '../problem.ts'
import { redisOf } from '../redis.ts'

export const CHECK_MS = 2_000

/** What is wrong with each, for the log; nothing, when it is well. */
export interface Readiness {
  database: string[]
  rate_limiter: string[]
}

/** One statement and one command, each within its two seconds. */
export async function look(settings: Settings, db: Database): Promise<Readiness> {
  const [database, rate_limiter] = await Promise.all([
    inTime(() => shapeOf(db)),
    inTime((signal) => mayEvaluate(settings, signal)),
  ])
  return { database, rate_limiter }
}

async function inTime(check: (signal: AbortSignal) => Promise<string[]>): Promise<string[]> {
  const signal = AbortSignal.timeout(CHECK_MS)
  const late = new Promise<string[]>((resolve) =>
    signal.addEventListener('abort', () => resolve(['timeout'])),
  )
  return await Promise.race([check(signal), late])
}

async function shapeOf(db: Database): Promise<string[]> {
  try {
    const [row] = await db.read({ text: SHAPE, params: [] }, {})
    return linesOf(row?.[0])
  } catch (error) {
    const cause = error instanceof Problem ? error.extra.cause : undefined
    return [`${cause ?? 'malformed answer'}`.replace(/^database: /, '')]
  }
}

/** No script has this hash. A token that may not evaluate, as a read-only one, is told so before it is looked for. */
const NO_SCRIPT = '0'.repeat(40)

async function mayEvaluate(settings: Settings, signal: AbortSignal): Promise<string[]> {
  try {
    await redisOf(settings, signal).evalsha(NO_SCRIPT, [], [])
    return []
  } catch (error) {
    // Redis's own first word; the rest of the sentence repeats the command.
    const { name, message } = error as Error
    const word = /^[A-Z]+(?= )/.exec(message)?.[0] ?? name
    return word === 'NOSCRIPT' ? [] : [word]
  }
}
