import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { holderOf } from '../../local/processes.ts'

/** What `npm run dev` does to leave no process behind, and to name one that was. */

const PROCESSES = fileURLToPath(new URL('../../local/processes.ts', import.meta.url))

const FILES = {
  'package.json': JSON.stringify({ type: 'module', scripts: { orphan: `'${process.execPath}' orphan.ts` } }),
  // A child that would run for ever, and has a child of its own, neither of which hears that its parent is gone.
  'tree.ts': `
    import { spawn } from 'node:child_process'
    process.on('SIGTERM', () => {})
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    console.log(process.pid + ' ' + child.pid)
    setInterval(() => {}, 1000)`,
  'parent.ts': `
    import { startLeashed } from '${PROCESSES}'
    startLeashed(['tree.ts'], '.', process.env)`,
  'orphan.ts': `
    import { onOrphaned } from '${PROCESSES}'
    onOrphaned(() => process.exit())
    setInterval(() => {}, 1000)
    console.log(process.pid)`,
  'listen.ts': `
    import { createServer } from 'node:net'
    const server = createServer().listen(0, '127.0.0.1', () => console.log(server.address().port))`,
  'local/dev.ts': `
    import { startLeashed } from '${PROCESSES}'
    startLeashed(['listen.ts'], '.', process.env)`,
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/tasks-processes-`)
  await mkdir(`${folder}/local`)
  for (const [name, text] of Object.entries(FILES)) await writeFile(`${folder}/${name}`, text)
})
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

const running: ChildProcess[] = []

/** A child and the first line that it prints. */
async function start(command: string, args: string[]): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  for await (const line of createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })) {
    if (/^\d/.test(line)) return { child, says: line }
  }
  throw new Error('it ended and said nothing')
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function ended(...pids: number[]): Promise<void> {
  for (let i = 0; i < 100 && pids.some(lives); i += 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
  expect(pids.filter(lives)).toEqual([])
}

// The leash gives them five seconds: side by side.
test.concurrent.each(['SIGKILL', 'SIGTERM'] as const)(
  'a %s of the parent ends its children and theirs, whatever they do with signals',
  async (signal) => {
    const { child, says } = await start(process.execPath, ['parent.ts'])
    const pids = says.split(' ').map(Number)
    expect(pids.every(lives)).toBe(true)
    child.kill(signal)
    await ended(...pids)
  },
)

test.concurrent.each(['SIGKILL', 'SIGTERM'] as const)('a %s of npm ends what it runs', async (signal) => {
  const { child, says } = await start('npm', ['run', '-s', 'orphan'])
  const pid = Number(says)
  expect(lives(pid)).toBe(true)
  child.kill(signal)
  await ended(pid)
})

test.concurrent('a port that is taken is told with the process that holds it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(holderOf(port)).toContain(`process ${process.pid} (`)
  server.close()
  await once(server, 'close')
})

test.concurrent('of an older npm run dev, it is the one that ends all of it', async () => {
  const { child, says } = await start(process.execPath, ['local/dev.ts'])
  expect(holderOf(Number(says))).toMatch(
    new RegExp(`^by an older \`npm run dev\`, process ${child.pid} \\(.*\`kill ${child.pid}\` ends it$`),
  )
})
