import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import tests from '../../vitest.config.ts'

/** The project `worker` of the tests, alone, in a Worker that has a mutant switched on before it is loaded. */
const { test } = await tests({ command: 'serve', mode: 'test' })
const worker = test?.projects?.[0] as TestProjectInlineConfiguration

/** Tests of what is not changed here, or of everything at random. */
const NOT_ABOUT = [
  'client',
  'conformance',
  'cors',
  'fault-matrix',
  'openapi',
  'openapi-breaking',
  'settings',
  'stacks',
  'validation',
]

export default defineConfig({
  test: {
    ...test,
    sequence: { shuffle: false },
    // What runs beside each other is mutants.
    maxWorkers: 1,
    // One test of half a minute.
    testNamePattern: /^(?!.*of them cost 200 look-ups)/,
    projects: [
      {
        ...worker,
        test: {
          ...worker.test,
          // A mutant that is on when the Worker is loaded.
          isolate: true,
          exclude: NOT_ABOUT.map((name) => `test/${name}.test.ts`),
          testTimeout: 45_000,
          setupFiles: ['test/setup/outbound.ts', 'test/mutation/setup.ts'],
        },
      },
    ],
  },
})
