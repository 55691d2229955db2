/** What a generated client gave for one call: its own types for the body, and the status and headers beside it. */
export interface Answer<T> {
  status: number
  headers: Headers
  task?: T
  /** `type` of the problem, `errors[0].code` of a 400, `retry_after` of a 429: each read through the client's types. */
  problem?: { type: string; code?: string | undefined; retryAfter?: number }
}

interface Task {
  id: number
  title: string
  description: string | null
  completed: boolean
}

/** What each generated client is asked for. */
export interface Client {
  list(query: { limit?: number; cursor?: string }): Promise<Omit<Answer<never>, 'task'> & { tasks?: Task[] }>
  create(title: string, key?: string): Promise<Answer<Task>>
  get(id: number): Promise<Answer<Task>>
  complete(id: number, etag: string): Promise<Answer<Task>>
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected)
    throw new Error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`)
}

/** The same calls for every client, and what has to come of them. */
export async function use(connect: (url: string, token: string) => Client): Promise<void> {
  const { API_URL: url = '', TOKEN: token = '', CODE: code } = process.env
  const client = connect(url, token)

  const key = crypto.randomUUID()
  const created = await client.create('Buy milk', key)
  equal(created.status, 201, 'a task')
  equal(created.task?.title, 'Buy milk', 'its title')
  const replayed = await client.create('Buy milk', key)
  equal(replayed.task?.id, created.task?.id, 'the task of a key that is sent again')
  equal(replayed.headers.get('Idempotency-Replayed'), 'true', 'Idempotency-Replayed')

  await client.create('Water the plants')
  await client.create('Call home')
  const first = await client.list({ limit: 2 })
  equal(first.tasks?.map(({ title }) => title).join(), 'Call home,Water the plants', 'the first page')
  const cursor = first.headers.get('X-Next-Cursor') ?? ''
  const second = await client.list({ limit: 2, cursor })
  equal(second.tasks?.map(({ title }) => title).join(), 'Buy milk', 'the second page')

  const id = created.task?.id ?? 0
  const etag = created.headers.get('ETag') ?? ''
  const changed = await client.complete(id, etag)
  equal(changed.task?.completed, true, 'a change of what the ETag names')
  const late = await client.complete(id, etag)
  equal(late.status, 412, 'a change of what is no longer so')
  equal(late.problem?.type, 'precondition_failed', 'its problem')

  // Some clients refuse by themselves what the document does not allow; a cursor is opaque to them.
  const wrong = await client.list({ cursor: 'made up' })
  equal(wrong.status, 400, 'a cursor that is none')
  equal(wrong.problem?.code, code, 'errors[0].code')
  const missing = await client.get(Number.MAX_SAFE_INTEGER)
  equal(missing.status, 404, 'a task that is not there')
  equal(missing.problem?.type, 'not_found', 'its problem')
  const stranger = await connect(url, `nobody${token}`).list({})
  equal(stranger.status, 401, 'an unknown token')
  equal(stranger.problem?.type, 'authentication_error', 'its problem')

  for (let sent = 0; sent < 60; sent += 1) {
    const { status, headers, problem } = await client.create('One more')
    if (status === 201) continue
    equal(status, 429, 'one more than the budget')
    equal(`${problem?.retryAfter}`, headers.get('Retry-After'), 'retry_after')
    return
  }
  throw new Error('the budget has no end')
}
