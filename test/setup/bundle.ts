import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import type { TestProject } from 'vitest/node'
import { buildBundle } from '../../local/workerd.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the Worker as it is deployed, for tests that serve it on raw workerd. */
    bundle: string
  }
}

/** Built by the first project that needs it, for all of them. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const root = project.vitest.getRootProject()
  if (root.getProvidedContext().bundle) return undefined
  const folder = await mkdtemp(`${tmpdir()}/tasks-bundle-`)
  root.provide('bundle', await buildBundle(folder))
  return () => rm(folder, { recursive: true })
}
