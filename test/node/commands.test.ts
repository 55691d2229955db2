import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

function node(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { PATH: process.env.PATH } }
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    )
  })
}

test('npm run check tells of every part that fails, in its own order, and of those that do not', async () => {
  const parts = ['echo told first; exit 1', 'echo never told', 'sleep 0.2; echo told last >&2; exit 2']
  const { code, output } = await node('local/check.ts', ...parts)
  expect(code).toBe(1)
  expect(output).toMatch(/^\n\$ echo told first.*\ntold first\n\n\$ sleep.*\ntold last\n\n/)
  expect(output.trim().split('\n').slice(-3)).toEqual([
    `FAILED  ${parts[0]}`,
    `ok      ${parts[1]}`,
    `FAILED  ${parts[2]}`,
  ])
  expect(await node('local/check.ts', 'true')).toEqual({ code: 0, output: 'ok      true\n' })
})

test('a Node that runs no TypeScript is told in a sentence', async () => {
  const { code, output } = await node(
    '--no-experimental-strip-types',
    '-r',
    './local/node.cjs',
    'local/dev.ts',
  )
  expect(code).toBe(1)
  expect(output).toMatch(/^Node \d.* does not run TypeScript: .*\n.*npm rebuild node\n$/)
})
