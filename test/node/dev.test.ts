import { execFile, spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** `npm run dev` itself, on a copy of the project with a mistake in it, and on ports that nobody else sees. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PARTS = [
  'local',
  'drizzle',
  'src',
  'openapi',
  'public',
  'hashed-sessions',
  'wrangler.toml',
  'package.json',
]

const SCRIPT = `
ip link set lo up
npm run -s dev > out 2>&1 &
for i in $(seq 1 300); do grep -q 'Ctrl-C ends' out && break; sleep 0.2; done
curl -s -D answer -o /dev/null -H "Authorization: Bearer $(cat .local/demo-token)" http://127.0.0.1:8787/tasks
curl -s -D limited -o /dev/null -H "Authorization: Bearer $(cat .local/demo-token)" http://127.0.0.1:8787/tasks/1
npm run -s dev > second 2>&1
for i in $(seq 1 50); do grep -q '"status":500' out && break; sleep 0.2; done
kill -9 "$(sed -n 's/.*process \\([0-9]*\\) .*/\\1/p' second)"
for i in $(seq 1 50); do ss -Hltn | grep -q . || break; sleep 0.2; done
ss -Hltn > left
npm run -s services > services 2>&1 &
for i in $(seq 1 150); do grep -q 'Ctrl-C ends' services && break; sleep 0.2; done
kill $!
for i in $(seq 1 50); do ss -Hltn | grep -q . || break; sleep 0.2; done
ss -Hltn >> left
`

// It takes ten seconds of CPU, and a network of its own: with the services it runs in CI, where nobody waits for it.
const canRun =
  process.env.LOCAL_POSTGRES_URL !== undefined && spawnSync('unshare', ['-rn', 'true']).status === 0

test.runIf(canRun)(
  'a mistake is shown where it is, .dev.vars counts, and a kill -9 leaves nothing',
  async () => {
    const folder = await mkdtemp(`${tmpdir()}/tasks-dev-`)
    try {
      for (const part of [...PARTS, '.dev.vars.example'])
        await cp(`${ROOT}/${part}`, `${folder}/${part}`, { recursive: true })
      await symlink(`${ROOT}/node_modules`, `${folder}/node_modules`)
      const queries = await readFile(`${folder}/src/tasks/queries.ts`, 'utf8')
      expect(queries).toContain('tasks.created_at desc')
      await writeFile(
        `${folder}/src/tasks/queries.ts`,
        queries.replace('tasks.created_at desc', 'tasks.misspelt desc'),
      )
      await writeFile(
        `${folder}/.dev.vars`,
        'RATE_LIMIT_READS="77"\nDATABASE_URL="postgres://canary@host/name"\n',
      )
      const { LOCAL_POSTGRES_URL: _, LOCAL_REDIS_URL: __, ...env } = process.env
      await promisify(execFile)('unshare', ['-rn', 'bash', '-c', SCRIPT], { cwd: folder, env })
      const file = (name: string) => readFile(`${folder}/${name}`, 'utf8')

      const out = await file('out')
      expect(out).toMatch(/debugger +http:\/\/localhost:\d+/)
      expect(out).toContain('Of .dev.vars, the API takes RATE_LIMIT_READS.')
      expect(out).toContain('it does not take DATABASE_URL')
      expect(out).toContain('column tasks.misspelt does not exist')
      expect(out).toMatch(/order by tasks\.misspelt desc/)
      expect(out).toMatch(/at async listTasks \(.*src\/tasks\/queries\.ts:\d+:\d+\)/)
      expect(await file('limited')).toMatch(/^RateLimit-Policy: "read";q=77;w=60/im)
      expect(await file('answer')).toMatch(/^Server-Timing: .*total;dur=/im)
      expect(await file('second')).toMatch(
        /^Port 8787, for the API, is taken by an older `npm run dev`, process \d+ /,
      )
      expect(await file('services')).toMatch(/auth server +http.*\n.*database +http.*\n.*limiter +http/)
      expect(await file('left')).toBe('')
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
