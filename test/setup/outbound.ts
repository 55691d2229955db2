import { afterEach, expect } from 'vitest'

/** The stand-ins, and nothing else: a request to anywhere outside fails its test, even where the Worker copes. */
const outside: string[] = []
const { fetch } = globalThis

globalThis.fetch = async (input, init) => {
  const { hostname, origin } = new URL(input instanceof Request ? input.url : input)
  if (hostname !== '127.0.0.1') outside.push(origin)
  return await fetch(input, init)
}

afterEach(() => {
  expect(outside.splice(0), 'requests to the outside').toEqual([])
})
