import { expect } from 'vitest'

/** Gone when this runs. */
export interface Padding {
  one: string
  two: string
}

export function failing(value: string): void {
  expect(value).toBe('something else')
}
