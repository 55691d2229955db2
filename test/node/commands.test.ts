import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scripts } from '../../package.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const text = (file: string) => readFileSync(`${ROOT}/${file}`, 'utf8')

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

/** Commands of the docs that a test runs, or what they consist of: where, and what stands there. */
const TESTED: Record<string, [file: string, says: string]> = {
  'npm run dev': ['test/node/dev.test.ts', 'npm run -s dev'],
  'npm run services': ['test/node/dev.test.ts', 'npm run -s services'],
  'npm run web': ['test/browser/command.test.ts', 'node local/web.ts'],
  'npm run openapi': ['local/check.ts', 'npm run openapi:check'],
  'npm run format': ['local/check.ts', 'biome ci .'],
  'npm run build': ['local/workerd.ts', "'deploy', '--dry-run', '--minify'"],
  'npm run deploy': ['test/node/deploy.test.ts', "'run', '-s', 'deploy'"],
  'npm run frames': ['test/node/frames.test.ts', 'mapFrames(framesOf('],
  'npm run db:migrate': ['test/node/migrations.test.ts', "'up'"],
  'npm run db:rollback': ['test/node/migrations.test.ts', "'down'"],
  'npm run db:status': ['test/node/migrations.test.ts', "'status'"],
  'npm run db:gone': ['test/node/gone.test.ts', '[gone, ...args]'],
  'npm run db:generate': ['drizzle/check.ts', 'generateMigration('],
  'npm pack ./client': ['test/packed/packed.test.ts', "['pack', "],
  'npm install ./tasks-api-client-1.0.0.tgz hono': ['test/packed/packed.test.ts', "['install', "],
  'npm pack ./hashed-sessions': ['test/auth/package.test.ts', "['pack', './hashed-sessions', "],
  'npm install ./better-auth-hashed-sessions-1.0.0.tgz': ['test/auth/package.test.ts', "'-xzf'"],
  'npx adopt-hashed-sessions views': ['test/auth/package.test.ts', "bin['adopt-hashed-sessions']"],
  'node hashed-sessions/adopt.ts views': ['test/auth/adoption.test.ts', "['hashed-sessions/adopt.ts', "],
  'node examples/client.ts "$(cat .local/demo-token)"': [
    'test/browser/example.test.ts',
    'examples/client.ts',
  ],
}

/** And those that nobody runs but a person. */
const NOT_RUN: Record<string, string> = {
  'npm run bench': 'fifty minutes of a machine that does nothing else',
  'npm run bench:check': 'judges what the benchmark has measured',
  'npm run bench:scale': 'a table of 21 million rows',
  'npm run profile': 'a part of the benchmark',
  'npm run test:chaos': 'minutes of load and kills, told from noise only on a quiet machine',
  'npm run test:mutation': 'two hours',
  'npx node test/mutation/node_modules/.bin/stryker run test/mutation/stryker.config.json': 'a part of these',
  'npx node test/mutation/report.ts': 'the same',
  'npm rebuild node': 'fetches from the registry what `npm ci` has',
  'npm audit': 'tells of today’s registry',
  'npm outdated': 'the same',
  'npx wrangler login': 'needs an account',
  'npx wrangler secret put NAME': 'needs an account',
  'npx wrangler deployments list': 'needs an account',
  'npx wrangler rollback': 'needs an account',
  'npx wrangler tail': 'needs an account',
}

/** Blocks, indented or fenced, and what stands between backticks; all of what is no Markdown. */
function code(file: string): string[] {
  const lines = text(file).split('\n')
  if (!file.endsWith('.md')) return lines.map((line) => line.replace(/^\s*(\/\/.*, and then: )?/, ''))
  let fenced = false
  return lines.flatMap((line) => {
    if (line.startsWith('```')) fenced = !fenced
    if (fenced || line.startsWith('    ')) return line
    return Array.from(line.matchAll(/`([^`]+)`/g), ([, span = '']) =>
      span in scripts ? `npm run ${span}` : span,
    )
  })
}

/** Without settings in front, without options and what follows them: `npm run check`, `npx wrangler tail`. */
function commands(lines: string[]): string[] {
  return lines
    .flatMap((line) => line.split(/&&|;|\s#\s.*/))
    .map((part) => part.replace(/^\s*(\$ )?([A-Z_]+=\S+ |\.ci\/with-services )*/, ''))
    .filter((part) => /^(npm|npx|node) [\w./]|^\.ci\/\w/.test(part))
    .map((part) => part.replace(/ (--silent|-s)\b/, '').replace(/^node -r \S+/, 'node'))
    .map((part) => part.replace(/ (-|<).*/, '').trim())
}

/** What CI runs, and the scripts that these consist of. */
function runByCi(): Set<string> {
  const run = new Set(['.ci/run', '.ci/with-services', ...commands(code('.ci/run'))])
  for (const command of run) {
    const script = scripts[command.replace(/^npm (run )?/, '') as keyof typeof scripts]
    if (/^npm (run|test)/.test(command)) for (const part of commands([script ?? ''])) run.add(part)
  }
  return run
}

const documents = execFileSync('git', ['ls-files', '*.md', 'examples/*.ts'], { cwd: ROOT, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((file) => existsSync(`${ROOT}/${file}`))
const documented = documents.flatMap((file) => commands(code(file)).map((command) => ({ file, command })))

test('every command that is documented is run by CI or by a test, or it is said why not', () => {
  const held = new Set([...runByCi(), ...Object.keys(TESTED), ...Object.keys(NOT_RUN)])
  expect(documented.filter(({ command }) => !held.has(command))).toEqual([])
  const known = new Set(documented.map(({ command }) => command))
  const listed = [...Object.keys(TESTED), ...Object.keys(NOT_RUN)]
  expect(listed.filter((command) => !known.has(command) || runByCi().has(command))).toEqual([])
  for (const [file, says] of Object.values(TESTED)) expect(text(file), file).toContain(says)
})

test('a test file that a documented command names is there', () => {
  for (const file of documents) {
    for (const [name] of code(file)
      .join('\n')
      .matchAll(/\btest\/[\w./-]+\.ts\b/g)) {
      expect(existsSync(`${ROOT}/${name}`), `${name}, in ${file}`).toBe(true)
    }
  }
})

test('every script that runs TypeScript has the sentence for a Node that does not', () => {
  for (const [name, script] of Object.entries(scripts)) {
    const parts = script.split(' && ').filter((part) => /\bvitest\b.* run|\bnode .*\.ts\b/.test(part))
    for (const part of parts) expect(part, name).toMatch(/\bnode -r \.\/local\/node\.cjs /)
  }
})
