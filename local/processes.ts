import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const LEASH = fileURLToPath(new URL('leash.ts', import.meta.url))

export interface Leashed {
  /** What it writes, where that was asked for. */
  output: Readable[]
  exit: Promise<unknown>
  close(): Promise<unknown>
}

/** A module of Node's, with all that it starts: none of it outlives this process, not even a kill -9 of it. */
export function startLeashed(
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  output: 'inherit' | 'pipe' = 'inherit',
): Leashed {
  const leash: ChildProcess = spawn(process.execPath, [LEASH, ...args], {
    cwd,
    env,
    // A group of its own, so that Ctrl-C reaches this process alone, which then ends the rest in order.
    detached: true,
    stdio: ['pipe', output, output],
  })
  const exit = new Promise((resolve) => leash.once('exit', resolve))
  return {
    output: [leash.stdout, leash.stderr].filter((stream) => stream !== null),
    exit,
    close() {
      leash.stdin?.end()
      return exit
    },
  }
}

/** The port, when it is free; of 0, one that is. */
export const probe = (port: number) =>
  new Promise<number | undefined>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const found = (server.address() as AddressInfo).port
      server.close(() => resolve(found))
    })
  })

/** Calls back when npm, or the shell that npm puts between itself and this process, is gone. */
export function onOrphaned(end: () => void): void {
  const parents = [process.ppid]
  // That shell outlives an npm that was killed.
  const [grandparent, command = ''] = ask('ps', '-o', 'ppid=,comm=', '-p', `${process.ppid}`)
    .trim()
    .split(/\s+/)
  if (process.env.npm_lifecycle_event && /sh$/.test(command)) parents.push(Number(grandparent))
  const isGone = (pid: number) => {
    try {
      return !process.kill(pid, 0)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH'
    }
  }
  setInterval(() => {
    if (process.ppid !== parents[0] || parents.some(isGone)) end()
  }, 500).unref()
}

/** Empty where the machine does not know the command, and where the command does not know the answer. */
function ask(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

const commandOf = (pid: string) => ask('ps', '-o', 'args=', '-p', pid).trim()
const OURS = /^\S*node .*\b(local\/(dev|web|leash)\.ts|wrangler-dist\/cli\.js)\b/

/** Who listens on a port, for a sentence; as far as `lsof` or `ss` tells. */
export function holderOf(port: number): string {
  let pid =
    ask('lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t').trim().split('\n')[0] ||
    /pid=(\d+)/.exec(ask('ss', '-Hltnp', `sport = :${port}`))?.[1]
  if (!pid) return 'by a process that this user may not see'
  // workerd listens for the API: it is the process that started it, at some remove, which ends it for good.
  for (;;) {
    const parent = ask('ps', '-o', 'ppid=', '-p', pid).trim()
    if (!OURS.test(commandOf(parent))) break
    pid = parent
  }
  const command = commandOf(pid)
  const [, script] = /\blocal\/(dev|web)\.ts/.exec(command) ?? []
  const older = script ? `an older \`npm run ${script}\`, ` : ''
  return `by ${older}process ${pid} (${command.slice(0, 80)}): \`kill ${pid}\` ends it`
}
