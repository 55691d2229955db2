import { spawn } from 'node:child_process'

/**
 * Runs a module of Node's in a process group of its own, and ends all of the group when standard input does: with the
 * process at its other end, however that came to its end. Started by processes.ts.
 */

const child = spawn(process.execPath, process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit'] })
const endAll = (signal: NodeJS.Signals) => process.kill(-process.pid, signal)

let ending = false
function end(): void {
  if (ending) return
  ending = true
  endAll('SIGTERM')
  setTimeout(() => endAll('SIGKILL'), 5_000)
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
process.stdin.resume().on('close', end)
// What it started, and forgot, ends with it; and so does this process.
child.once('exit', () => endAll('SIGKILL'))
