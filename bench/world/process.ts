import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'

/** A server under measurement: one process. */
export interface App {
  url: string
  pid: number
  close(): Promise<void>
}

export interface Command {
  file: string
  args: string[]
  env: Record<string, string>
}

/** Starts a server that is told its port, and waits until it answers on `path`, whatever it answers. */
export async function startApp(port: number, { file, args, env }: Command, path = '/health'): Promise<App> {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  // It would outlive this process, were that to end in a hurry.
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  let said = ''
  child.stderr.on('data', (bytes) => {
    said = `${said}${bytes}`.slice(-2000)
  })
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + 30_000
  while (!(await answers(`${url}${path}`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await end(child)
      throw new Error(`${file} ${args.join(' ')} did not start: ${said}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return { url, pid: child.pid as number, close: () => end(child) }
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer()
    return true
  } catch {
    return false
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Time on a processor so far, µs, over all threads. */
export async function cpuOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const times = await Promise.all(
    threads.map(async (thread) => {
      // A thread that ends meanwhile takes its time along, which is next to nothing.
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0')
      return Number(text.split(' ', 1)[0]) / 1000
    }),
  )
  return times.reduce((sum, time) => sum + time, 0)
}

/** The same of all children of a process, those that have ended included. */
export async function cpuOfFamily(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  const living = await Promise.all(children.map((child) => cpuOf(Number(child)).catch(() => 0)))
  // proc(5): cutime and cstime, in hundredths of a second; the name before them may hold anything.
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)?.split(' ') ?? []
  const ended = (Number(fields[13]) + Number(fields[14])) * 10_000
  return living.reduce((sum, time) => sum + time, ended)
}

/** The parent of a process. */
export async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1])
}

/** Resident memory now, bytes. */
export async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
