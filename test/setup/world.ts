import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    world: World
    /** The path of the image of an empty PGlite, where there is no other PostgreSQL. */
    pgliteImage: string | undefined
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
 * Neon and Upstash on free ports, for one run of the tests. Each in a thread of its own: vitest's is busy, and PGlite's
 * with a statement, now and then for longer than the Worker waits for its limiter.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const threads = ['neon.ts', 'upstash.ts'].map((file) => new Worker(new URL(file, import.meta.url)))
  const messages = await Promise.all(threads.map((thread) => once(thread, 'message')))
  const { LOCAL_POSTGRES_URL, LOCAL_REDIS_URL } = process.env
  const realServices = Boolean(LOCAL_POSTGRES_URL && LOCAL_REDIS_URL)
  const { pgliteImage, ...bindings } = Object.assign({}, ...messages.flat())
  project.provide('pgliteImage', pgliteImage)
  project.provide('world', { realServices, ...bindings })
  return async () => {
    for (const thread of threads) thread.postMessage('close')
    await Promise.all(threads.map((thread) => once(thread, 'exit')))
  }
}
