import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Apart from the other tests: it needs a browser (Debian's chromium-headless-shell, or CHROMIUM=/path/to/one).
export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['*.test.ts'],
    // Much of a test's time is a wait, and each has a user of its own.
    maxWorkers: 3,
    maxConcurrency: 3,
    sequence: { concurrent: true },
    globalSetup: join(import.meta.dirname, 'world.ts'),
    // A busy machine may let a browser miss its moment once.
    retry: 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
