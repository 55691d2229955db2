import { defineConfig } from 'vitest/config'

// In Node, unlike the rest of test/: better-auth is a Node server. LOCAL_POSTGRES_URL replaces PGlite.
export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
