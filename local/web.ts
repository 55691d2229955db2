import { fileURLToPath } from 'node:url'
import { holderOf, onOrphaned, probe, startLeashed } from './processes.ts'

/** The web app's development server, beside `npm run dev`: the last part of `npm run web`. */

const PORT = 3000
const folder = fileURLToPath(new URL('../examples/web', import.meta.url))

if (!(await probe(PORT))) {
  console.error(`Port ${PORT}, for the web app, is taken ${holderOf(PORT)}.`)
  process.exit(1)
}
const vite = startLeashed([`${folder}/node_modules/vite/bin/vite.js`], folder, process.env)
let stopping = false
async function stop(): Promise<void> {
  stopping = true
  await vite.close()
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())
onOrphaned(() => void stop())
await vite.exit
if (!stopping) process.exitCode = 1
