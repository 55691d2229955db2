import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { startWorkerd, type Workerd } from '../../local/workerd.ts'

/** Something that can be killed with SIGKILL, on a port that it keeps. */
export interface Victim {
  name: string
  port: number
  start(): Promise<void>
  kill(): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Nothing that was started outlives this process, however it ends. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

function spawned(child: ChildProcess): ChildProcess {
  running.add(child)
  return child.once('exit', () => running.delete(child))
}

const ended = (child: ChildProcess) =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise<void>((resolve) => child.once('exit', () => resolve()))

async function until(what: string, attempt: () => Promise<unknown>, seconds = 60): Promise<void> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(50)) {
    try {
      await attempt()
      return
    } catch (error) {
      if (Date.now() > end) throw new Error(`${what} does not answer`, { cause: error })
    }
  }
}

/** PostgreSQL with its own settings, fsync included, in a folder of its own. It refuses to run as root. */
export async function postgres(
  folder: string,
): Promise<Victim & { url: string; killBackend(): Promise<void> }> {
  const bin = readdirSync('/usr/lib/postgresql')
    .map(Number)
    .toSorted((a, b) => b - a)[0]
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  const program = (name: string) => `/usr/lib/postgresql/${bin}/bin/${name}`
  mkdirSync(folder)
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const data = `${folder}/data`
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8']
  execFileSync(program('initdb'), init, { ...user, cwd: folder, stdio: 'ignore' })
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'timezone=UTC']
  const args = ['-D', data, '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])]
  let child: ChildProcess

  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    return await client.query(sql).finally(() => client.end())
  }
  const children = () => {
    const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    return pids === '' ? [] : pids.split(' ').map(Number)
  }
  return {
    ...{ name: 'PostgreSQL', port, url },
    async start() {
      await until('PostgreSQL', async () => {
        if (!child || child.exitCode !== null || child.signalCode !== null) {
          child = spawned(spawn(program('postgres'), args, { ...user, cwd: folder, stdio: 'ignore' }))
        }
        await ask('select 1')
      })
    },
    /** As when the power goes: the postmaster and everything it has started. */
    async kill() {
      const others = children()
      child.kill('SIGKILL')
      for (const pid of others) kill(pid)
      await ended(child)
    },
    /** One that works for a client; the postmaster then ends the others, and recovers. */
    async killBackend() {
      const { rows } = await ask(
        "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
      )
      const own = new Set(children())
      const [pid] = (rows as { pid: number }[]).map(({ pid }) => pid).filter((pid) => own.has(pid))
      if (pid) kill(pid)
    },
  }
}

/** A child's child may have gone by itself. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

export async function redis(folder: string): Promise<Victim & { url: string }> {
  const port = await freePort()
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  let child: ChildProcess
  return {
    ...{ name: 'Redis', port, url: `redis://127.0.0.1:${port}` },
    async start() {
      child = spawned(spawn('redis-server', args, { stdio: 'ignore' }))
      await until('Redis', async () => {
        const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null })
        client.on('error', () => {})
        await client
          .connect()
          .then(() => client.ping())
          .finally(() => client.disconnect())
      })
    },
    async kill() {
      child.kill('SIGKILL')
      await ended(child)
    },
  }
}

/** The Worker's bundle; `log` is all that its processes have written. */
export async function workerd(
  bundle: string,
  vars: Record<string, string>,
): Promise<Victim & { log: string[] }> {
  const port = await freePort()
  const log: string[] = []
  let serving: Workerd
  return {
    ...{ name: 'workerd', port, log },
    async start() {
      await until('workerd', async () => {
        serving = await startWorkerd({ bundle, vars, port })
      })
    },
    async kill() {
      log.push(await serving.close('SIGKILL'))
    },
  }
}
