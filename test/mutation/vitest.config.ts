import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import tests from '../../vitest.config.ts'

const { test } = await tests({ command: 'serve', mode: 'test' })
const named = (name: string) =>
  test?.projects?.find(
    (project) => (project as TestProjectInlineConfiguration).test?.name === name,
  ) as TestProjectInlineConfiguration
/** What begins each file: the mutant is on before anything of `src/` is loaded. */
const setup = 'test/mutation/setup.ts'
const worker = named('worker')
const node = named('node')

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
          isolate: true,
          exclude: NOT_ABOUT.map((name) => `test/${name}.test.ts`),
          testTimeout: 45_000,
          setupFiles: ['test/setup/outbound.ts', setup],
        },
      },
      // The arithmetic of leases is simulated there, for more minutes than requests could be sent in.
      {
        ...node,
        test: {
          ...node.test,
          globalSetup: [],
          isolate: true,
          include: ['test/node/leases.test.ts'],
          setupFiles: [setup],
        },
      },
    ],
  },
})
