import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** What `npm run web` starts, on a port 3000 that nobody else sees. */
const SCRIPT = `
ip link set lo up
node local/web.ts > "$1/out" 2>&1 &
for i in $(seq 1 300); do grep -q localhost:3000 "$1/out" && break; sleep 0.2; done
curl -s http://localhost:3000/ > "$1/page"
curl -s http://localhost:3000/src/main.tsx > "$1/script"
node local/web.ts > "$1/second" 2>&1
kill -9 $!
for i in $(seq 1 50); do ss -Hltn | grep -q . || break; sleep 0.2; done
ss -Hltn > "$1/left"
`

const canRun = spawnSync('unshare', ['-rn', 'true']).status === 0

test.runIf(canRun)('npm run web serves the app, says who has its port, and outlives no kill -9', async () => {
  const folder = await mkdtemp(`${tmpdir()}/tasks-web-`)
  try {
    const cwd = join(import.meta.dirname, '../..')
    await promisify(execFile)('unshare', ['-rn', 'bash', '-c', SCRIPT, 'web', folder], { cwd })
    const file = (name: string) => readFile(join(folder, name), 'utf8')
    expect(await file('page')).toContain('<title>Tasks</title>')
    expect(await file('script')).toContain('/src/App.tsx')
    expect(await file('second')).toMatch(
      /^Port 3000, for the web app, is taken by an older `npm run web`, process \d+ /,
    )
    expect(await file('left')).toBe('')
  } finally {
    await rm(folder, { recursive: true })
  }
})
