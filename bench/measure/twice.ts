import type { World } from '../world/world.ts'
import { sleep } from './load.ts'

/** Longer than any breaker that a sudden load may have opened. */
const PAUSE_MS = 12_000

/** What fails is measured once more; what fails again is left out, and the report says so. The rest of a run is worth keeping. */
export async function twice<T>(
  world: World,
  name: string,
  measure: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await measure()
  } catch (error) {
    console.log(`${name} failed, and is tried again: ${(error as Error).message}`)
    await sleep(PAUSE_MS)
  }
  try {
    return await measure()
  } catch (error) {
    world.skipped[name] = `it failed twice: ${(error as Error).message}`
    console.log(`${name} is left out: ${world.skipped[name]}`)
    return undefined
  }
}
