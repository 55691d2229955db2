import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What `wrangler deploy` would upload, built into the folder; returns the path of its one module. */
export async function buildBundle(folder: string): Promise<string> {
  const wrangler = `${root}node_modules/wrangler/bin/wrangler.js`
  const args = [wrangler, 'deploy', '--dry-run', '--minify', '--env=', '--outdir', folder]
  await promisify(execFile)(process.execPath, args, {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
  return `${folder}/index.js`
}

export interface Workerd {
  url: string
  /** Ends the process, and returns all that it wrote: the Worker's log. */
  close(signal?: NodeJS.Signals): Promise<string>
}

/**
 * The bundle on raw `workerd serve`, one process with one isolate: as fast as the platform, and as real as it gets
 * on one machine. It has no rate-limit bindings and no assets.
 */
export async function startWorkerd(options: {
  bundle: string
  vars: Record<string, string>
  /** A free one when absent. */
  port?: number
}): Promise<Workerd> {
  const folder = await mkdtemp(`${tmpdir()}/tasks-workerd-`)
  const config = `${folder}/config.capnp`
  await writeFile(`${folder}/index.js`, await readFile(options.bundle))
  await writeFile(config, await describe(Object.keys(options.vars)))
  const child = spawn(
    `${root}node_modules/.bin/workerd`,
    ['serve', config, '--control-fd=3', `--socket-addr=http=127.0.0.1:${options.port ?? 0}`],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.vars } },
  )
  // It would outlive this process, were that to end in a hurry.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const close = async (signal?: NodeJS.Signals) => {
    await ended(child, signal)
    await rm(folder, { recursive: true, force: true })
    return output
  }
  const port = await listening(child)
  if (port !== undefined) return { url: `http://127.0.0.1:${port}`, close }
  throw new Error(`workerd did not start: ${await close()}`)
}

/** Values come from the environment, so that no secret is written to a file. */
async function describe(names: string[]): Promise<string> {
  const toml = await readFile(`${root}wrangler.toml`, 'utf8')
  const date = /^compatibility_date = (".+")$/m.exec(toml)?.[1]
  const bindings = names.map((name) => `(name = "${name}", fromEnvironment = "${name}")`)
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "api", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = ${date},
      bindings = [${bindings.join(', ')}],
      globalOutbound = "outside",
    )),
    (name = "outside", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "api")],
);
`
}

/** The port, as workerd reports it on its control pipe; undefined when it ends before it listens. */
async function listening(child: ChildProcess): Promise<number | undefined> {
  for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
    const message = JSON.parse(line) as { event: string; port: number }
    if (message.event === 'listen') return message.port
  }
  return undefined
}

async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exit
}
