import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Apart from the other tests: it needs a browser (Debian's chromium, or CHROMIUM=/path/to/one).
export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['*.test.ts'],
    // Much of a test's time is a wait.
    maxWorkers: 2,
    globalSetup: join(import.meta.dirname, 'world.ts'),
    // Each test has a user of its own, and a busy machine may let a browser miss its moment once.
    retry: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
