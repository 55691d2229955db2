import { apiWith, envWith } from './faults.ts'
import { aRow, aUser, client, etagOf, sql } from './support.ts'

type Headers = Record<string, string>

/** Brings a task to the last version there is, so that the next change is an error of the database's: 22003. */
export const beyondCounting = (id: number) => sql`update tasks set version = 2147483647 where id = ${id}`

/** One way to each status of the contract, for what has to hold on all of them. */
export const statuses: [status: number, what: string, request: (headers: Headers) => Promise<Response>][] = [
  [200, 'the index', (headers) => client()('GET', '/', undefined, headers)],
  [200, 'health', (headers) => client()('GET', '/health', undefined, headers)],
  [200, 'a list', async (headers) => (await aUser()).api('GET', '/tasks', undefined, headers)],
  [200, 'a list, HEAD', async (headers) => (await aUser()).api('HEAD', '/tasks', undefined, headers)],
  [201, 'a new task', async (headers) => (await aUser()).api('POST', '/tasks', { title: 'canary' }, headers)],
  [
    200,
    'a changed task',
    async (headers) => {
      const user = await aUser()
      const { id } = await user.task()
      return await user.api('PATCH', `/tasks/${id}`, { completed: true }, headers)
    },
  ],
  [
    204,
    'a deleted task',
    async (headers) => {
      const user = await aUser()
      const { id } = await user.task()
      return await user.api('DELETE', `/tasks/${id}`, undefined, headers)
    },
  ],
  [
    304,
    'a task that has not changed',
    async (headers) => {
      const user = await aUser()
      const { id } = await user.task()
      const tag = await etagOf(user.api, `/tasks/${id}`)
      return await user.api('GET', `/tasks/${id}`, undefined, { 'If-None-Match': tag, ...headers })
    },
  ],
  [400, 'an empty body', async (headers) => (await aUser()).api('POST', '/tasks', '', headers)],
  [
    400,
    'an id that is none',
    async (headers) => (await aUser()).api('GET', '/tasks/canary', undefined, headers),
  ],
  [401, 'no session', (headers) => client()('GET', '/tasks', undefined, headers)],
  [
    404,
    'no such task',
    async (headers) => (await aUser()).api('GET', '/tasks/9007199254740991', undefined, headers),
  ],
  [404, 'no such route', (headers) => client()('GET', '/canary', undefined, headers)],
  [405, 'another method', (headers) => client()('DELETE', '/tasks', undefined, headers)],
  [
    412,
    'another version',
    async (headers) => {
      const user = await aUser()
      const { id } = await user.task()
      return await user.api('PUT', `/tasks/${id}`, { completed: true }, { 'If-Match': '"2"', ...headers })
    },
  ],
  [
    413,
    'a large body',
    async (headers) => (await aUser()).api('POST', '/tasks', ' '.repeat(65_537), headers),
  ],
  [
    415,
    'a form',
    async (headers) =>
      (await aUser()).api('POST', '/tasks', 'title=canary', {
        'Content-Type': 'application/x-www-form-urlencoded',
        ...headers,
      }),
  ],
  [
    422,
    'a key with another body',
    async (headers) => {
      const user = await aUser()
      const key = { 'Idempotency-Key': crypto.randomUUID(), ...headers }
      await user.api('POST', '/tasks', { title: 'canary' }, key)
      return await user.api('POST', '/tasks', { title: 'canary too' }, key)
    },
  ],
  [
    429,
    'a spent budget',
    async (headers) => {
      const user = await aUser()
      const api = apiWith(envWith({ RATE_LIMIT_WRITES: '1' }), user.token)
      await api('POST', '/tasks', { title: 'canary' })
      return await api('POST', '/tasks', { title: 'canary' }, headers)
    },
  ],
  [
    500,
    'a bug',
    async (headers) => {
      const user = await aUser()
      const id = await aRow(user.id)
      await beyondCounting(id)
      return await user.api('PATCH', `/tasks/${id}`, { completed: true }, headers)
    },
  ],
  [
    503,
    'no database',
    async (headers) => {
      const user = await aUser()
      return await apiWith(envWith({ neon: 'refused' }), user.token)('GET', '/tasks', undefined, headers)
    },
  ],
  [
    503,
    'a bad setting',
    (headers) => apiWith(envWith({ SESSION_HASH_SECRET: 'short' }))('GET', '/', undefined, headers),
  ],
]
