import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    world: World
  }
}

/** What the Worker under test is bound to, and what tests need to look behind it. */
export interface World {
  DATABASE_URL: string
  NEON_FETCH_ENDPOINT: string
  UPSTASH_REDIS_REST_URL: string
  UPSTASH_REDIS_REST_TOKEN: string
  /** The same two, with faults on demand: see fault-proxy.ts. */
  FAULTY_NEON: string
  FAULTY_UPSTASH: string
  /** Whether a real PostgreSQL and Redis stand behind the stand-ins. */
  realServices: boolean
}

/**
 * Neon and Upstash on free ports, for one run of the tests. In a thread of their own: vitest's is busy, now and then,
 * for longer than the Worker waits for its limiter.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const thread = new Worker(new URL('stand-ins.ts', import.meta.url))
  const [world] = await once(thread, 'message')
  project.provide('world', world)
  return async () => {
    thread.postMessage('close')
    await once(thread, 'exit')
  }
}
