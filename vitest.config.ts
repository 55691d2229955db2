import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { cloudflareTest } from '@cloudflare/vitest-pool-workers'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import type { Conformance } from './test/conformance-size.ts'
import type {} from './test/setup/world.ts'

/** Known to the tests too, which compute the hashes that the Worker has to find. */
const SESSION_HASH_SECRET = 'canary-session-hash-secret-of-the-tests'

/** Each file of tests has an isolate of its own, which loads these sooner as one module each than as hundreds. */
const LIBRARIES = [
  '@cfworker/json-schema',
  '@hono/zod-validator',
  '@neondatabase/serverless',
  '@upstash/ratelimit',
  '@upstash/redis/cloudflare',
  'drizzle-orm',
  'drizzle-orm/pg-core',
  'fast-check',
  'hono',
  'hono/body-limit',
  'hono/client',
  'hono/cors',
  'hono/factory',
  'hono/http-exception',
  'hono/route',
  'hono/tiny',
  'hono/utils/url',
  'zod/mini',
]

const inWorkerd = (test: TestProjectInlineConfiguration['test']) => ({
  extends: true as const,
  plugins: [
    cloudflareTest(({ inject }) => {
      const { realServices, ...bindings } = inject('world')
      return {
        main: 'src/index.ts',
        wrangler: { configPath: 'wrangler.toml' },
        // workerd would tell of each connection that a test breaks, and each is broken by intent.
        verbose: false,
        miniflare: { bindings: { ...bindings, SESSION_HASH_SECRET, REAL_SERVICES: realServices } },
      }
    }),
  ],
  // The first request of a file brings the Worker up, which takes seconds on a busy machine; and a test of a limit may
  // wait for the next minute, so that it has most of one.
  test: {
    // What is to happen after each test begins with the last of these, and ends with one that fails.
    setupFiles: ['test/setup/source-maps.ts', 'test/setup/outbound.ts', 'test/setup/log.ts'],
    testTimeout: 60_000,
    deps: { optimizer: { ssr: { enabled: true, include: LIBRARIES } } },
    ...test,
  },
})

const inNode = (test: TestProjectInlineConfiguration['test']) => ({
  extends: true as const,
  test: {
    globalSetup: 'test/setup/bundle.ts',
    // Threads share PGlite's machine code; files of a thread its instance, and the modules, which are long to load.
    pool: 'threads',
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    ...test,
  },
})

function conformance(): Conformance {
  const { CONFORMANCE_REQUESTS: requests = '2000', CONFORMANCE_SEED: seed = Date.now() % 2 ** 31 } =
    process.env
  return { requests: Number(requests), seed: Number(seed) }
}

const LONG =
  /(adoption|bodies|conformance|deploy|dev|fault-matrix|limiter-outages|limiter-recovery|migrations|strangers|users-model)\.test\.ts$/

/**
 * Files in an order of the seed's, but the long ones first: in the end nothing is to wait for one. One project after the
 * other, since whoever runs a file begins anew for one of another project.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence
    const rank = ({ moduleId, project }: TestSpecification) => [
      project.name === 'worker' ? 0 : 1,
      LONG.test(moduleId) ? 0 : 1,
      createHash('sha1').update(`${seed} ${moduleId}`).digest('hex'),
    ]
    return files.toSorted((a, b) => (`${rank(a)}` < `${rank(b)}` ? -1 : 1))
  }
}

/** What neither a database nor Redis has a part in is not run again on real ones. */
const WITHOUT_SERVICES = [
  'test/{cors,headers,lru-map,openapi-breaking,stacks}.test.ts',
  'test/auth/package.test.ts',
  'test/node/{commands,dependencies,deploy,frames,leases,processes,wrangler}.test.ts',
]

/** Of those that only real services can tell. The others want the machine, or the table, for themselves. */
const BESIDE_OTHERS = 'test/services/{locks,retries}.test.ts'

/** A run of some tests tells of each; one of everything of its files, and of tests that fail. */
const SOME = process.argv.slice(process.argv.indexOf('run') + 1).some((word) => !word.startsWith('-'))

export default defineConfig(({ mode }) => {
  const services = mode === 'services'
  if (services && !(process.env.LOCAL_POSTGRES_URL && process.env.LOCAL_REDIS_URL)) {
    throw new Error(
      'Set LOCAL_POSTGRES_URL (a user that may create databases) and LOCAL_REDIS_URL to servers of your own.',
    )
  }
  return {
    test: {
      globalSetup: 'test/setup/world.ts',
      reporters: SOME ? 'verbose' : 'default',
      slowTestThreshold: 10_000,
      exclude: services ? WITHOUT_SERVICES : [],
      sequence: { shuffle: true, sequencer: LongFirst },
      // Much of a test's time is a wait, for a timeout or a deadline: one file more than there are cores runs at once.
      maxWorkers: availableParallelism() + 1,
      provide: { conformance: conformance() },
      // The Worker logs every request: of a test that passes, nobody needs to read it.
      silent: 'passed-only',
      projects: [
        // One isolate for many files, which are long to load; a file that leaves something behind fails another.
        inWorkerd({
          name: 'worker',
          include: ['test/*.test.ts', ...(services ? [BESIDE_OTHERS] : [])],
          isolate: false,
        }),
        // What starts processes, looks at files or drives the auth server cannot run in workerd.
        inNode({
          name: 'node',
          include: ['test/{auth,node}/*.test.ts'],
          setupFiles: 'test/auth/passwords.ts',
        }),
        // These wait for the other tests, and for one another.
        ...(services
          ? [
              inWorkerd({
                name: 'services',
                include: ['test/services/*.test.ts'],
                exclude: [BESIDE_OTHERS],
                fileParallelism: false,
                testTimeout: 300_000,
                hookTimeout: 300_000,
                sequence: { groupOrder: 1 },
              }),
            ]
          : []),
      ],
    },
  }
})
