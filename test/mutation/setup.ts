import type { InstrumenterContext } from '@stryker-mutator/api/core'
import { afterAll, afterEach, beforeEach, inject } from 'vitest'
import type { FileCoverage } from './exchange.ts'

const AROUND = 'around'

const stryker: InstrumenterContext = { ...inject('mutant'), hitCount: 0 }
Object.assign(globalThis, { __stryker__: stryker })

// Else the first request would load the Worker, and what that runs would count as a part of one test.
await import('../../src/index.ts')
stryker.currentTestId = AROUND

let file: { meta: object } | undefined

beforeEach(({ task }) => {
  file = task.file
  stryker.currentTestId = task.id
})

afterEach(() => {
  stryker.currentTestId = AROUND
})

afterAll(() => {
  const { static: onLoad, perTest } = stryker.mutantCoverage ?? { static: {}, perTest: {} }
  const { [AROUND]: around, ...tests } = perTest
  const coverage: FileCoverage = { onLoad, around, tests }
  if (file) Object.assign(file.meta, { coverage })
})
