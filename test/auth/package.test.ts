import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documented } from './documented.ts'

const run = promisify(execFile)
const modules = resolve('node_modules')
let folder: string

/** The package as `npm install` lays it down, beside what this project has installed. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hashed-sessions-'))
  await run('npm', ['pack', './hashed-sessions', '--pack-destination', folder])
  const installed = join(folder, 'node_modules')
  await mkdir(installed)
  await run('tar', ['-xzf', 'better-auth-hashed-sessions-1.0.0.tgz'], { cwd: folder })
  await run('mv', ['package', join(installed, 'better-auth-hashed-sessions')], { cwd: folder })
  for (const name of ['better-auth', '@better-auth', '@types', 'drizzle-orm', 'kysely', 'pg'])
    await symlink(join(modules, name), join(installed, name))
})

afterAll(() => rm(folder, { recursive: true }))

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
}

const projects = {
  NodeNext: { ...strict, target: 'es2022', module: 'nodenext', types: ['node'] },
  // What `next` writes into a new project's tsconfig.json.
  Next: {
    ...strict,
    target: 'es2017',
    lib: ['dom', 'dom.iterable', 'esnext'],
    allowJs: true,
    esModuleInterop: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: 'react-jsx',
    incremental: false,
    types: ['node'],
  },
}

describe('the package, in a strict project of its own', () => {
  test.each(Object.entries(projects))('under %s: no error', async (name, compilerOptions) => {
    const project = join(folder, name)
    await mkdir(project)
    const files = await documented()
    for (const [file, code] of Object.entries(files)) await writeFile(join(project, file), code)
    await writeFile(
      join(project, 'wrong.ts'),
      `import { hashedSessions } from 'better-auth-hashed-sessions'
       // @ts-expect-error: types that were not found would let this through
       hashedSessions({ type: 'postgres' }, { secret: 1 })\n`,
    )
    await writeFile(join(project, 'package.json'), '{ "type": "module" }')
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
    const tsc = join(modules, '.bin/tsc')
    const errors = await run(tsc, ['-p', project]).then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(errors).toBe('')
  })
})

test('what is packed is compiled, and asks for better-auth as a peer', async () => {
  const root = join(folder, 'node_modules/better-auth-hashed-sessions')
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  expect(manifest.dependencies).toBeUndefined()
  expect(manifest.peerDependencies).toMatchObject({ 'better-auth': expect.any(String) })
  const usage = await run(process.execPath, [join(root, manifest.bin['adopt-hashed-sessions']), '--help'])
  expect(usage.stdout).toContain('--dry-run')
})
