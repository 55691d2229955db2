import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { compatibilityDate } from './workerd.ts'

const run = promisify(execFile)
const bench = fileURLToPath(new URL('..', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const wrangler = `${root}node_modules/wrangler/bin/wrangler.js`

const built = new Map<string, Promise<string>>()

/** What `wrangler deploy` would upload of the API, or of a Worker in bench/workers; returns the path of its module. */
export async function build(name: string, { minify = true } = {}): Promise<string> {
  const folder = `${bench}.build/${name}${minify ? '' : '-readable'}`
  if (!built.has(folder)) built.set(folder, make(name, minify, folder))
  return (await built.get(folder)) as string
}

async function make(name: string, minify: boolean, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const settings = name === 'worker' ? ['--env='] : ['--config', await configuration(name, folder)]
  const args = ['deploy', '--dry-run', minify ? '--minify' : '--no-minify', '--outdir', folder, ...settings]
  await run(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
  return `${folder}/${name === 'worker' ? 'index' : name}.js`
}

/** The API has its own wrangler.toml; the others get what `wrangler init` would give them. */
async function configuration(name: string, folder: string): Promise<string> {
  const main = `${bench}workers/${name}.ts`
  const compatibility_date = await compatibilityDate()
  const path = `${folder}/wrangler.json`
  await writeFile(path, JSON.stringify({ name: `bench-${name}`, main, compatibility_date }))
  return path
}

/** KiB, as wrangler counts what it uploads. */
export async function gzipped(bundle: string): Promise<number> {
  return gzipSync(await readFile(bundle)).length / 1024
}

/** The Python peer's interpreter, with its packages in a folder of its own. */
export async function python(): Promise<string> {
  const venv = `${bench}.venv`
  const requirements = await readFile(`${bench}peers/requirements.txt`, 'utf8')
  const installed = await readFile(`${venv}/installed.txt`, 'utf8').catch(() => undefined)
  if (installed !== requirements) {
    await run('python3', ['-m', 'venv', '--clear', venv])
    const install = ['-m', 'pip', 'install', '--quiet', '-r', `${bench}peers/requirements.txt`]
    await run(`${venv}/bin/python`, install, { timeout: 300_000 })
    await writeFile(`${venv}/installed.txt`, requirements)
  }
  return `${venv}/bin/python`
}
