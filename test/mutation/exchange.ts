import type { CoverageData, InstrumenterContext } from '@stryker-mutator/api/core'

declare module 'vitest' {
  interface ProvidedContext {
    /** From the runner into workerd: the mutant that is on; none while coverage is measured. */
    mutant: Pick<InstrumenterContext, 'activeMutant' | 'hitLimit'>
  }
}

/** And back, as meta of the file: how often each mutant was passed. */
export interface FileCoverage {
  onLoad: CoverageData
  /** Between tests, in hooks and while tests are collected: it may matter to every test of the file. */
  around?: CoverageData | undefined
  tests: Record<string, CoverageData>
}
