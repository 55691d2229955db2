import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { aPerson, titlesOf, world } from './support.ts'

test('examples/client.ts creates, completes, lists and removes a task', async () => {
  const person = await aPerson()
  const example = join(import.meta.dirname, '../../examples/client.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [example, person.token, world.api])
  expect(stdout).toMatch(/^\d+ Buy milk\n$/)
  expect(await titlesOf(person)).toEqual([])
})
