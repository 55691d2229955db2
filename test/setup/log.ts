import { afterAll, afterEach } from 'vitest'

/**
 * What the Worker logs is for whoever reads of a test that failed. vitest would have each line of the others too, and
 * with the place in the code that it came from: a tenth of what workerd does in a run.
 */
const METHODS = ['info', 'warn', 'error'] as const
const methods = METHODS.map((name) => [name, console[name]] as const)
const held: (() => void)[] = []

for (const [name, tell] of methods) console[name] = (...words) => void held.push(() => tell(...words))

afterEach(({ task }) => {
  const lines = held.splice(0)
  if (task.result?.state === 'fail') for (const tell of lines) tell()
})

// The next file of this isolate begins with others.
afterAll(() => {
  for (const [name, tell] of methods) console[name] = tell
  for (const tell of held) tell()
})
