import { defineConfig } from 'vitest/config'

// Apart from the other tests: it installs the packed client, as strangers would.
export default defineConfig({
  test: { dir: import.meta.dirname, include: ['*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 },
})
