import { type ClientResponse, hc } from 'hono/client'
import type { AppType } from '../src/app.ts'
import type { ProblemBody } from '../src/problem-body.ts'

/** The session has expired or was revoked: sign in again at the auth server. */
export class SignedOut extends Error {}

/** Anything else that the API refuses; `problem.errors` says which field, where one is to blame. */
export class Refused extends Error {
  readonly problem: ProblemBody

  constructor(problem: ProblemBody) {
    super(problem.detail)
    this.problem = problem
  }
}

/**
 * The tasks of the user whose session token this is. Every path, body and answer is typed by the API's own routes:
 * what the server no longer takes or gives does not compile here.
 */
export function tasksOf(token: string, url: string, fetch = globalThis.fetch) {
  const { tasks } = hc<AppType>(url, { headers: { Authorization: `Bearer ${token}` }, fetch })
  return {
    /** Newest first. */
    async list(filter: { completed?: 'true' | 'false' } = {}) {
      return (await answer(() => tasks.$get({ query: filter }))).json()
    },
    async create(task: { title: string; description?: string | null }) {
      // One key for all attempts: however often it is sent, there is one task.
      const headers = { 'Idempotency-Key': crypto.randomUUID() }
      return (await answer(() => tasks.$post({ json: task }, { headers }))).json()
    },
    /** With the `ETag` that the task was read with, only if nobody has changed it since. */
    async patch(id: number, changes: { title?: string; completed?: boolean }, etag = '*') {
      const request = { param: { id: `${id}` }, json: changes }
      return (await answer(() => tasks[':id'].$patch(request, { headers: { 'If-Match': etag } }))).json()
    },
  }
}

/** The success among the answers. After a 429 it waits as long as it is told to, and sends again. */
async function answer<R extends ClientResponse<unknown>>(
  send: () => Promise<R>,
): Promise<Extract<R, { ok: true }>> {
  const response = await send()
  if (response.ok) return response as Extract<R, { ok: true }>
  if (response.status === 401) throw new SignedOut()
  if (response.status !== 429) throw new Refused((await response.json()) as ProblemBody)
  const seconds = Number(response.headers.get('Retry-After'))
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  return answer(send)
}
