import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiWith, envWith, UNLIMITED } from './faults.ts'
import { aUser, type Call, type Task } from './support.ts'

/** What three users should see of one table: each task as its owner last left it. */
interface Model {
  tasks: Map<number, Pick<Task, 'title' | 'description' | 'completed'> & { owner: number }>
  /** Deleted ids, whoever owned them. */
  gone: number[]
  commands: number
}

interface Api {
  users: { id: string; api: Call }[]
}

type Command = fc.AsyncCommand<Model, Api>

const NOBODYS = Number.MAX_SAFE_INTEGER

const user = fc.nat(2)
const text = fc.string({ minLength: 1, maxLength: 20 }).map((text) => `canary ${text}.`)
const fields = fc.record({ title: text, description: fc.option(text), completed: fc.boolean() })
const edit = fc.record(
  { title: text, description: fc.option(text), completed: fc.boolean() },
  { requiredKeys: ['title'] },
)
/** Which id a command is about: one of all that are or were, whoever's, or one that never was. */
const pick = fc.nat(200)

function idOf({ tasks, gone }: Model, pick: number): number {
  const ids = [...tasks.keys(), ...gone, NOBODYS]
  return ids[pick % ids.length] as number
}

/** What a user sees of the whole: their own tasks, newest first, each as they last left it. */
async function expectOwnList(model: Model, users: Api['users'], owner: number): Promise<void> {
  const { id, api } = users[owner] as Api['users'][number]
  const listed = await (await api('GET', '/tasks')).json<Task[]>()
  const own = [...model.tasks].filter(([, task]) => task.owner === owner).reverse()
  expect(listed).toMatchObject(own.map(([id, { owner: _, ...task }]) => ({ id, ...task })))
  expect(listed.every((task) => task.user_id === id)).toBe(true)
}

/** After each command one of the users looks at their list. */
function command(says: string, run: (model: Model, users: Api['users']) => Promise<void>): Command {
  return {
    check: () => true,
    toString: () => says,
    async run(model, { users }) {
      await run(model, users)
      model.commands += 1
      await expectOwnList(model, users, model.commands % users.length)
    },
  }
}

const VARIES = /^(x-request-id|ratelimit|x-ratelimit-(remaining|reset))$/

/** All that tells one answer from another, but for what may differ and the id in the path. */
async function shown(response: Response, id: number): Promise<object> {
  const headers = [...response.headers].filter(([name]) => !VARIES.test(name))
  const body = (await response.text())
    .replace(/"(request_id|timestamp)":"[^"]*"/g, '"$1":"…"')
    .replaceAll(`/tasks/${id}`, '/tasks/…')
  return { status: response.status, headers, body }
}

/** Another's task, one that is deleted and one that never was: three times the same answer. */
async function expectNothing(api: Call, method: string, id: number, body?: unknown): Promise<void> {
  const answer = await shown(await api(method, `/tasks/${id}`, body), id)
  expect(answer).toMatchObject({ status: 404 })
  expect(answer).toEqual(await shown(await api(method, `/tasks/${NOBODYS}`, body), NOBODYS))
}

const create = fc.tuple(user, fields).map(([by, task]) =>
  command(`${by} creates ${JSON.stringify(task)}`, async (model, users) => {
    const response = await (users[by] as { api: Call }).api('POST', '/tasks', task)
    expect(response.status).toBe(201)
    model.tasks.set((await response.json<Task>()).id, { owner: by, ...task })
  }),
)

const read = fc.tuple(user, pick).map(([by, pick]) =>
  command(`${by} reads #${pick}`, async (model, users) => {
    const { api } = users[by] as { api: Call }
    const id = idOf(model, pick)
    const task = model.tasks.get(id)
    if (task?.owner !== by) return await expectNothing(api, 'GET', id)
    const { owner: _, ...expected } = task
    expect(await (await api('GET', `/tasks/${id}`)).json()).toMatchObject({ id, ...expected })
  }),
)

const change = fc.tuple(user, pick, fc.constantFrom('PUT', 'PATCH'), edit).map(([by, pick, method, change]) =>
  command(`${by} changes #${pick} with ${method} ${JSON.stringify(change)}`, async (model, users) => {
    const { api } = users[by] as { api: Call }
    const id = idOf(model, pick)
    const task = model.tasks.get(id)
    if (task?.owner !== by) return await expectNothing(api, method, id, change)
    expect((await api(method, `/tasks/${id}`, change)).status).toBe(200)
    model.tasks.set(id, { ...task, ...change })
  }),
)

const remove = fc.tuple(user, pick).map(([by, pick]) =>
  command(`${by} deletes #${pick}`, async (model, users) => {
    const { api } = users[by] as { api: Call }
    const id = idOf(model, pick)
    if (model.tasks.get(id)?.owner !== by) return await expectNothing(api, 'DELETE', id)
    expect((await api('DELETE', `/tasks/${id}`)).status).toBe(204)
    model.tasks.delete(id)
    model.gone.push(id)
  }),
)

const removeMany = fc.tuple(user, fc.array(pick, { minLength: 1, maxLength: 5 })).map(([by, picks]) =>
  command(`${by} bulk-deletes #${picks.join(', #')}`, async (model, users) => {
    const ids = [...new Set(picks.map((pick) => idOf(model, pick)))]
    const own = (id: number) => model.tasks.get(id)?.owner === by
    const response = await (users[by] as { api: Call }).api('POST', '/tasks/bulk-delete', { task_ids: ids })
    const deleted = ids.filter(own)
    expect(await response.json()).toEqual({ deleted, not_found: ids.filter((id) => !own(id)) })
    for (const id of deleted) {
      model.tasks.delete(id)
      model.gone.push(id)
    }
  }),
)

test('three users at once: nobody sees, changes or learns of a task that is not theirs', async () => {
  const bindings = envWith(UNLIMITED)
  const commands = fc.commands([create, create, read, change, remove, removeMany], { size: '+1' })
  await fc.assert(
    fc.asyncProperty(commands, async (commands) => {
      const users = await Promise.all([aUser(), aUser(), aUser()])
      const model: Model = { tasks: new Map(), gone: [], commands: 0 }
      const real = { users: users.map(({ id, token }) => ({ id, api: apiWith(bindings, token) })) }
      await fc.asyncModelRun(() => ({ model, real }), commands)
      for (const owner of users.keys()) await expectOwnList(model, real.users, owner)
    }),
    { numRuns: env.REAL_SERVICES ? 100 : 8 },
  )
}, 300_000)
