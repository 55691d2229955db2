import { writeFile } from 'node:fs/promises'
import { introduce, throughput } from './measure/load.ts'
import type { Operation } from './measure/operations.ts'
import { modulesOf, type Share, shares, startProfile } from './measure/profile.ts'
import { machine } from './report/results.ts'
import { build } from './world/build.ts'
import { freePort } from './world/process.ts'
import { workerVars } from './world/stacks.ts'
import { startWorkerd } from './world/workerd.ts'
import { startWorld } from './world/world.ts'

/** `npm run profile --prefix bench`, behind .ci/with-services: where the Worker's CPU goes, by package and function. */

const OPERATIONS: Operation[] = ['get', 'list-1000', 'create']
const CONNECTIONS = 4

const world = await startWorld([], 3000)
try {
  const bundle = await build('worker', { minify: false })
  const inspector = await freePort()
  const args = [`--inspector-addr=127.0.0.1:${inspector}`]
  const app = await startWorkerd(bundle, workerVars(world.places), { args })
  world.apps.worker = app
  const modules = await modulesOf(bundle)
  const sections: string[] = []
  try {
    await introduce(app.url, 'worker', [...world.data.light, ...world.data.heavy])
    for (const operation of OPERATIONS) sections.push(await section(operation, inspector, modules))
  } finally {
    await app.close()
  }
  const text = `# Where the CPU goes

V8's sampling profiler in workerd on ${machine()}: µs of CPU a request, the process's whole time shared out as the
samples of the busy isolate fall. (program) is workerd itself: HTTP, sockets, the calls into the isolate.

${sections.join('\n')}`
  await writeFile(new URL('results/profile.md', import.meta.url), text)
  console.log(text)
} finally {
  await world.close()
}

async function section(operation: Operation, inspector: number, modules: string[]): Promise<string> {
  const load = () => throughput(world, 'worker', operation, 8, CONNECTIONS)
  await load()
  const { cpu } = await load()
  // Apart, because a profiler costs time itself.
  const stop = await startProfile(inspector)
  await load()
  const found = shares(await stop(), modules)
  return `## ${operation}: ${cpu.toFixed(0)} µs

| package or file | µs | function | µs |
|---|--:|---|--:|
${Array.from({ length: 20 }, (_, i) => `| ${[...cells(found.modules[i], cpu), ...cells(found.functions[i], cpu)].join(' | ')} |`).join('\n')}
`
}

function cells(found: Share | undefined, cpu: number): string[] {
  return found ? [found.name, (found.share * cpu).toFixed(1)] : ['', '']
}
