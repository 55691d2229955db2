import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { apiWith, envWith } from './faults.ts'
import { aUser } from './support.ts'
import { logged } from './watch.ts'

const STAGING = { ENVIRONMENT: 'staging', CORS_ORIGINS: 'https://app.test' }
const MISSPELT = { neon: 'status,code=400,sqlstate=42703' } as const

/** As `npm run dev` defines it. */
beforeEach(() => void vi.stubGlobal('DEVELOPING', true))
afterEach(() => void vi.unstubAllGlobals())

test('an answer tells where the time went, under npm run dev alone', async () => {
  const user = await aUser()
  const answer = await user.api('GET', '/tasks')
  expect(answer.headers.get('Server-Timing')).toMatch(/^db;dur=\d+\.\d, total;dur=\d+\.\d$/)
  vi.stubGlobal('DEVELOPING', undefined)
  expect((await user.api('GET', '/tasks')).headers.has('Server-Timing')).toBe(false)
  vi.stubGlobal('DEVELOPING', true)
  const staged = await apiWith(envWith(STAGING), user.token)('GET', '/tasks')
  expect(staged.status).toBe(200)
  expect(staged.headers.has('Server-Timing')).toBe(false)
})

test('a statement that is wrong is shown with SQL’s own message, its text, and the lines of the source', async () => {
  const user = await aUser()
  const lines = await logged(async () => {
    expect((await apiWith(envWith(MISSPELT), user.token)('GET', '/tasks')).status).toBe(500)
  })
  const [line, ...told] = lines.toSorted((a, b) => Number(b.startsWith('{')) - Number(a.startsWith('{')))
  expect(line).toMatch(/^\{.*"fault":"database: 42703"/)
  expect(told.join('\n')).toMatch(/canary upstream message/)
  expect(told.join('\n')).toMatch(/with session as \([\s\S]* from user_sessions/)
  expect(told.join('\n')).toMatch(/src\/tasks\/queries\.ts:\d+/)
  expect(told.join('\n')).not.toContain(user.token)
})

test.each([
  ['another environment', true, STAGING],
  ['a development that npm run dev did not start', undefined, {}],
])('in %s the log has its one line and no more', async (_, developing, settings) => {
  vi.stubGlobal('DEVELOPING', developing)
  const user = await aUser()
  const lines = await logged(async () => {
    expect((await apiWith(envWith({ ...MISSPELT, ...settings }), user.token)('GET', '/tasks')).status).toBe(
      500,
    )
  })
  expect(lines).toEqual([expect.stringMatching(/^\{.*\}$/)])
  expect(lines.join()).not.toMatch(/canary|select/)
})
