import { readFile } from 'node:fs/promises'
import type { Results } from './results.ts'
import type { Estimate } from './stats.ts'

export interface Verdict {
  name: string
  goal: string
  found: Estimate | undefined
  /** `absent`: its peer, or the time for it, was left out of this run on purpose. */
  outcome: 'held' | 'past' | 'absent'
}

type Budgets = Record<string, { min?: number; max: number }>

/** Every budget against the figures of a run: the median decides. A figure that is missing without a reason is past. */
export async function judge({ figures, skipped }: Pick<Results, 'figures' | 'skipped'>): Promise<Verdict[]> {
  const text = await readFile(new URL('../budgets.json', import.meta.url), 'utf8')
  const budgets: Budgets = JSON.parse(text)
  return Object.entries(budgets).map(([name, { min, max }]) => {
    const found = figures[name]
    const goal = min === max ? `exactly ${max}` : `≤ ${max}`
    if (!found) {
      const excused = Object.keys(skipped).some((reason) => name === reason || name.endsWith(`/ ${reason}`))
      return { name, goal, found, outcome: excused ? 'absent' : 'past' }
    }
    const held = found.value <= max && found.value >= (min ?? -Infinity)
    return { name, goal, found, outcome: held ? 'held' : 'past' }
  })
}
