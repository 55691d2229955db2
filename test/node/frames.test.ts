import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname } from 'node:path'
import { expect, inject, test } from 'vitest'
import { framesOf, mapFrames } from '../../deploy/frames.ts'
import type {} from '../setup/bundle.ts'

/** A text that stands once in the source, and so in the bundle. */
const MARK = 'something other than an Error was thrown'

/** Line and column, from one, as a stack counts them. */
function placeOf(text: string): [number, number] {
  const before = text.slice(0, text.indexOf(MARK)).split('\n')
  return [before.length, (before.at(-1) as string).length]
}

test('the frames of a logged error lead to the lines of the source', () => {
  const bundle = inject('bundle')
  const [line, column] = placeOf(readFileSync(bundle, 'utf8'))
  const [sourceLine] = placeOf(readFileSync('src/app.ts', 'utf8'))
  const frame = `at async Qe (index.js:${line}:${column})`
  const logged = JSON.stringify({ event: 'request', error: 'Error', frames: [frame, 'at canary (native)'] })
  const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')))
  expect(mapFrames(framesOf(logged), map, dirname(bundle))).toEqual([
    expect.stringMatching(new RegExp(`^at async Qe src/app\\.ts:${sourceLine}:\\d+$`)),
  ])
})

test.each([
  [
    'a line of the log',
    '{"frames":["at a (index.js:1:2)","at index.js:1:3"]}',
    ['at a (index.js:1:2)', 'at index.js:1:3'],
  ],
  [
    'a stack',
    'Error: canary\n    at a (index.js:1:2)\n    at async b (index.js:1:3)',
    ['at a (index.js:1:2)', 'at async b (index.js:1:3)'],
  ],
  ['nothing', 'canary', []],
])('finds the frames in %s', (_, input, frames) => {
  expect(framesOf(input)).toEqual(frames)
})
