import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * `npm run check`: every part is run, whatever became of the others. What a part has to say follows in this order, the
 * most telling first: a type error explains a stale document, and neither is about a missing comma.
 */
const PARTS = [
  'tsc',
  'tsc -p test',
  'tsc -p test/node',
  'tsc -p test/auth',
  'tsc -p test/chaos',
  'tsc -p test/browser',
  'tsc -p test/clients',
  'tsc -p test/packed',
  'npm run client',
  'tsc -p local',
  'tsc -p hashed-sessions --noEmit',
  'tsc -p openapi',
  'tsc -p bench',
  'tsc -p bench/workers',
  'drizzle-kit check',
  'node drizzle/check.ts',
  'npm run openapi:check',
  'biome ci .',
]

interface Outcome {
  part: string
  code: number
  output: string
}

function run(part: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(part, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('close', (code) => resolve({ part, code: code ?? 1, output }))
  })
}

/** As many at once as there are cores, the longest first: the last ones of the list. */
async function runAll(parts: string[]): Promise<Outcome[]> {
  const waiting = [...parts]
  const outcomes: Outcome[] = []
  const worker = async () => {
    for (let part = waiting.pop(); part; part = waiting.pop()) outcomes.push(await run(part))
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return parts.map((part) => outcomes.find((outcome) => outcome.part === part) as Outcome)
}

const outcomes = await runAll(process.argv.length > 2 ? process.argv.slice(2) : PARTS)
const failed = outcomes.filter(({ code }) => code !== 0)
for (const { part, output } of failed) console.log(`\n$ ${part}\n${output.trim()}`)
if (failed.length > 0) console.log('')
for (const { part, code } of outcomes) console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${part}`)
process.exitCode = failed.length > 0 ? 1 : 0
