import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { generated, here, run, type Tool, tools } from './tools.ts'
import { LATER_CODE, startWorld } from './world.ts'

/**
 * Generates a client of public/openapi.json with each tool, compiles it, and uses it against a running API, and
 * against a later version of it: `npm run test:clients`, `-- --all`, `-- orval hey-api`.
 */
const { values, positionals } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true })
const chosen = tools.filter(({ name, slow }) =>
  positionals.length > 0 ? positionals.includes(name) : values.all || !slow,
)

await rm(generated, { recursive: true, force: true })
await mkdir(generated, { recursive: true })
const outcomes: Record<'passed' | 'failed' | 'skipped', number> = { passed: 0, failed: 0, skipped: 0 }
const starting = startWorld()
// What is to be installed first waits for its registry, while the others work.
const queue = chosen.toSorted((a, b) => Number(!a.install) - Number(!b.install))
await Promise.all(Array.from({ length: availableParallelism() }, work))
await (await starting).close()
for (const { name, slow } of tools)
  if (slow && !chosen.some((one) => one.name === name)) tell(name, 'only with --all')
console.log(`\n${outcomes.passed} passed, ${outcomes.failed} failed, ${outcomes.skipped} skipped`)
process.exitCode = outcomes.failed > 0 ? 1 : 0

async function work(): Promise<void> {
  for (let tool = queue.shift(); tool; tool = queue.shift()) await test(tool)
}

async function test(tool: Tool): Promise<void> {
  const took: string[] = []
  const step = async (name: string, work: Promise<unknown> | undefined) => {
    const before = performance.now()
    await work
    took.push(`${name} ${((performance.now() - before) / 1000).toFixed(1)} s`)
  }
  try {
    if (tool.install) await step('installed', tool.install())
  } catch (error) {
    outcomes.skipped += 1
    return tell(
      tool.name,
      `left out, its registry or its language is not here: ${(error as Error).message.split('\n').at(-1)}`,
    )
  }
  try {
    await step('generated', tool.generate())
    await step('compiled', tool.compile())
    await step('used', use(tool))
    outcomes.passed += 1
    tell(tool.name, `${took.join(', ')} (${tool.version})`)
  } catch (error) {
    outcomes.failed += 1
    tell(tool.name, `FAILED after ${took.join(', ')}\n${(error as Error).message}`)
  }
}

async function use(tool: Tool): Promise<void> {
  const world = await starting
  for (const [url, code] of [
    [world.url, 'cursor_invalid'],
    [world.laterUrl, LATER_CODE],
  ] as const) {
    await run(tool.program, { ...tool.env, API_URL: url, TOKEN: await world.signUp(), CODE: code }, here)
  }
}

function tell(name: string, what: string): void {
  console.log(`${name.padEnd(30)}${what}`)
}
