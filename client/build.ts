import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fields } from '../src/task.ts'

/**
 * `npm run client`: the package, in client/dist. With it come declarations emitted from the API's own routes, and of the
 * Worker's inside no more than stands here: a frontend needs neither zod nor a database driver to compile.
 */
const INSIDE: Record<string, string> = {
  'src/context': 'export type AppEnv = object\n',
  'src/db/client': 'export type Row = readonly unknown[]\n',
}

const root = join(import.meta.dirname, '..')
const dist = join(import.meta.dirname, 'dist')
const emitted = join(root, 'dist/client')

/** What a module imports: its own neighbours as paths from the root, packages by name. */
function imports(module: string, declarations: string): string[] {
  const names = declarations.matchAll(/(?:from |import\()["']([^"']+)["']/g)
  return Array.from(names, ([, name = '']) =>
    name.startsWith('.') ? join(dirname(module), name).replace(/\.ts$/, '') : name,
  )
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(dist, path)), { recursive: true })
  await writeFile(join(dist, path), text)
}

await rm(dist, { recursive: true, force: true })
const tsc = join(root, 'node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [tsc, '-p', 'client'], { cwd: root, stdio: 'inherit' })

/** A task as its fields say it, without the schemas that they are made of. */
async function taskDeclaration(): Promise<string> {
  const values = Object.entries(fields).map(([name, { kind, schema }]) => {
    const nullable = schema.def.type === 'nullable' ? ' | null' : ''
    return `  ${name}: ${kind === 'text' ? 'string' : kind}${nullable}\n`
  })
  const declared = await readFile(join(emitted, 'src/task.d.ts'), 'utf8')
  const task = /export interface Task extends FieldValues \{[^}]*\}/.exec(declared)?.[0]
  if (!task) throw new Error('src/task.ts has no interface Task that extends FieldValues')
  return `export interface FieldValues {\n${values.join('')}}\n${task}\n`
}
INSIDE['src/task'] = await taskDeclaration()

const modules = new Set(['client/src/index'])
for (const module of modules) {
  const text = INSIDE[module] ?? (await readFile(join(emitted, `${module}.d.ts`), 'utf8'))
  // Declarations keep the names of the sources they were made from.
  await write(`${module}.d.ts`, text.replaceAll(/\.ts(["'])/g, '.js$1'))
  if (module.startsWith('client/')) {
    await write(`${module}.js`, await readFile(join(emitted, `${module}.js`), 'utf8'))
  }
  for (const name of imports(module, text)) {
    const neighbour = name.startsWith('src/') || name.startsWith('client/')
    if (neighbour) modules.add(name)
    else if (!/^hono(\/|$)/.test(name)) {
      throw new Error(`${module} brings ${name} to the client: say in client/build.ts what is seen of it`)
    }
  }
}
