import { judge } from './report/budgets.ts'
import { read } from './report/results.ts'

/** `npm run bench:check`: fails where a figure of the last full run, or of `results/NAME`, is past its budget. */

const name = process.argv[2] ?? 'full'
const verdicts = await judge(await read(name))
for (const { name, goal, found, outcome } of verdicts) {
  console.log(`${outcome.padEnd(7)} ${name.padEnd(36)} ${goal.padEnd(10)} ${found?.value.toFixed(3) ?? ''}`)
}
if (verdicts.some(({ outcome }) => outcome === 'past')) process.exitCode = 1
