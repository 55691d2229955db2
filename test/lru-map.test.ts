import { expect, test } from 'vitest'
import { LruMap } from '../src/lru-map.ts'

/** What an isolate remembers is bounded: through HTTP it would take ten thousand users to see. */

test('forgets the oldest when one too many comes', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1).set('b', 2)
  expect([...map]).toEqual([
    ['a', 1],
    ['b', 2],
  ])
  map.set('c', 3)
  expect([...map.keys()]).toEqual(['b', 'c'])
})

test('what is set again is the newest, and nothing is forgotten for it', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1).set('b', 2).set('a', 3)
  expect([...map]).toEqual([
    ['b', 2],
    ['a', 3],
  ])
  map.set('c', 4)
  expect([...map.keys()]).toEqual(['a', 'c'])
})

test('what is read again is the newest too', () => {
  const map = new LruMap<string, number>(2)
  map.set('a', 1).set('b', 2)
  expect(map.get('a')).toBe(1)
  expect(map.get('c')).toBeUndefined()
  map.set('d', 4)
  expect([...map.keys()]).toEqual(['a', 'd'])
})
