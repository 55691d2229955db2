import { expect, test } from 'vitest'
import source from './stacks.test.ts?raw'
import { failing } from './stacks.ts'
import helper from './stacks.ts?raw'

/** Types that are gone when this runs, so that no line of the code is where it was. */
interface Gone {
  file: string
  line: number
}

/** The first place in a stack that is in the file. */
function placeIn(file: string, error: unknown): Gone {
  const [, line] = new RegExp(`${file}:(\\d+):\\d+`).exec((error as Error).stack ?? '') ?? []
  return { file, line: Number(line) }
}

const lineOf = (text: string, mark: string) => text.slice(0, text.indexOf(mark)).split('\n').length

test('an error is told with its own line', () => {
  const error = new Error('here, in the test')
  expect(placeIn('stacks.test.ts', error)).toEqual({
    file: 'stacks.test.ts',
    line: lineOf(source, "new Error('here"),
  })
})

test('an assertion of a helper is told with the helper’s line and with that of its caller', () => {
  let error: unknown
  try {
    failing('canary')
  } catch (thrown) {
    error = thrown
  }
  expect(placeIn('stacks.ts', error).line).toBe(lineOf(helper, "toBe('something else')"))
  expect(placeIn('stacks.test.ts', error).line).toBe(lineOf(source, "failing('canary')"))
})
