/** What vitest.config.ts takes from the environment for conformance.test.ts. */
export interface Conformance {
  /** CONFORMANCE_REQUESTS: how many to send. */
  requests: number
  /** CONFORMANCE_SEED: of a run that is to be repeated. */
  seed: number
}

declare module 'vitest' {
  interface ProvidedContext {
    conformance: Conformance
  }
}
