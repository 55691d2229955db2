import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import root from '../../package.json' with { type: 'json' }
import { devDependencies as older } from './package.json' with { type: 'json' }

const run = promisify(execFile)
const client = join(import.meta.dirname, '../../client')
const compilers = [
  [older.typescript, join(import.meta.dirname, 'node_modules/typescript/bin/tsc')],
  [root.devDependencies.typescript, join(import.meta.dirname, '../../node_modules/typescript/bin/tsc')],
] as const

let folder: string

/** A project that has installed what `npm pack` gives, and its peer, and nothing of this repository. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tasks-client-'))
  await run('npm', ['pack', '--pack-destination', folder], { cwd: client })
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
  await cp(join(import.meta.dirname, 'program'), folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  const { hono } = root.dependencies
  const packages = [`./${tarball}`, `hono@${hono}`, `@types/node@${root.devDependencies['@types/node']}`]
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], { cwd: folder })
})

afterAll(() => rm(folder, { recursive: true }))

describe.each(compilers)('TypeScript %s', (_, compiler) => {
  test.each(['vite', 'next', 'nodenext'])('has nothing to complain of, as %s configures it', async (name) => {
    // With all declarations checked, hono's too.
    const options = ['-p', `tsconfig.${name}.json`, '--skipLibCheck', 'false']
    const { stdout } = await run(process.execPath, [compiler, ...options], { cwd: folder }).catch(
      (error) => error,
    )
    expect(stdout).toBe('')
  })
})

test('what is packed brings hono alone, and nothing of the Worker inside', async () => {
  const files = await readdir(join(folder, 'node_modules/tasks-api-client'), { recursive: true })
  expect(files.filter((name) => /\.ts$/.test(name) && !/\.d\.ts$/.test(name))).toEqual([])
  const installed = await readdir(join(folder, 'node_modules'))
  expect(installed.filter((name) => !name.startsWith('.')).sort()).toEqual([
    '@types',
    'hono',
    'tasks-api-client',
    'undici-types',
  ])
  const declarations = files.filter((name) => name.endsWith('.d.ts'))
  for (const name of declarations) {
    const text = await readFile(join(folder, 'node_modules/tasks-api-client', name), 'utf8')
    expect(text, name).not.toMatch(/zod|neondatabase|drizzle|upstash/)
  }
})

test('runs in Node as it is installed', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('[]')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const program = `import { tasksClient } from 'tasks-api-client'
    const api = tasksClient({ url: 'http://127.0.0.1:${port}', token: () => 'token' })
    console.log(JSON.stringify(await api.page()))`
  await writeFile(join(folder, 'run.js'), program)
  const { stdout } = await run(process.execPath, ['run.js'], { cwd: folder })
  expect(JSON.parse(stdout)).toEqual({ tasks: [] })
  server.closeAllConnections()
  server.close()
})
