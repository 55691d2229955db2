import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type App, freePort, startApp } from './process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A bundle on raw workerd. local/workerd.ts keeps the Worker's log in memory and has no inspector; this one throws
 * the log away, so that a run of ten minutes measures the Worker and not its listener.
 */
export async function startWorkerd(
  bundle: string,
  vars: Record<string, string>,
  options: { args?: string[]; path?: string } = {},
): Promise<App> {
  const port = await freePort()
  const config = `${dirname(bundle)}/config.capnp`
  await mkdir(dirname(config), { recursive: true })
  await writeFile(config, await describe(bundle, Object.keys(vars)))
  const args = ['serve', config, `--socket-addr=http=127.0.0.1:${port}`, ...(options.args ?? [])]
  return await startApp(port, { file: `${root}node_modules/.bin/workerd`, args, env: vars }, options.path)
}

async function describe(bundle: string, names: string[]): Promise<string> {
  const bindings = names.map((name) => `(name = "${name}", fromEnvironment = "${name}")`)
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "api", worker = (
      modules = [(name = "index.js", esModule = embed "${bundle.split('/').at(-1)}")],
      compatibilityDate = "${await compatibilityDate()}",
      bindings = [${bindings.join(', ')}],
      globalOutbound = "outside",
    )),
    (name = "outside", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "api")],
);
`
}

export async function compatibilityDate(): Promise<string> {
  const toml = await readFile(`${root}wrangler.toml`, 'utf8')
  return /^compatibility_date = "(.+)"$/m.exec(toml)?.[1] as string
}
