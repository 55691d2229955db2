import { expect } from 'vitest'
import type { Task, User } from './support.ts'

/** A request as it was sent. */
export interface Sent {
  operationId: string
  /** Of the path; NaN where that has none. */
  id: number
  query: URLSearchParams
  headers: Record<string, string>
  body: string
}

/** What one user has, as the answers told it, and what each next answer therefore has to be. */
export class Model {
  readonly live = new Map<number, { task: Task; etag: string }>()
  readonly dead: number[] = []
  readonly #keys = new Map<string, { body: string; id: number }>()
  readonly #user: User

  constructor(user: User) {
    this.#user = user
  }

  /** The status of a request that fits the document. `etag` is that of the representation as it is now. */
  status({ operationId, id, headers, body }: Sent, etag: string | undefined): number {
    if (!Number.isNaN(id) && !this.live.has(id)) return 404
    if (operationId === 'createTask') {
      const before = this.#keys.get(keyOf(headers) ?? '')
      return before && before.body !== written(JSON.parse(body)) ? 422 : 201
    }
    const names = (header: string | undefined) => header === '*' || header === etag
    const { 'If-Match': ifMatch, 'If-None-Match': ifNoneMatch } = headers
    // RFC 9110 §13.2.2
    if (ifMatch !== undefined && !names(ifMatch)) return 412
    if (ifNoneMatch !== undefined && names(ifNoneMatch))
      return operationId.startsWith('p') || operationId.startsWith('d') ? 412 : 304
    return operationId === 'deleteTask' ? 204 : 200
  }

  /** Holds the answer of a success against what is known, and learns from it. */
  async learn(sent: Sent, response: Response): Promise<void> {
    switch (sent.operationId) {
      case 'createTask':
        return await this.#created(sent, response)
      case 'listTasks':
        return await this.#listed(sent, response)
      case 'getTask':
        return expect(await response.json()).toEqual(this.live.get(sent.id)?.task)
      case 'putTask':
      case 'patchTask':
        return await this.#changed(sent, response)
      case 'deleteTask':
        return await this.#deleted([sent.id])
      case 'bulkDeleteTasks':
        return await this.#bulkDeleted(sent, response)
    }
  }

  async #created({ headers, body }: Sent, response: Response): Promise<void> {
    const task: Task = await response.json()
    const key = keyOf(headers)
    const before = key === undefined ? undefined : this.#keys.get(key)
    expect(written(task)).toBe(written(JSON.parse(body)))
    expect(task.user_id).toBe(this.#user.id)
    expect(response.headers.get('Location')).toBe(`/tasks/${task.id}`)
    expect(response.headers.get('Idempotency-Replayed')).toBe(before ? 'true' : null)
    expect(task.id).toBe(before?.id ?? task.id)
    if (before) return
    expect(this.live.has(task.id) || this.dead.includes(task.id)).toBe(false)
    if (key !== undefined) this.#keys.set(key, { body: written(task), id: task.id })
    this.live.set(task.id, { task, etag: response.headers.get('ETag') ?? '' })
    const again = await this.#user.api('GET', `/tasks/${task.id}`)
    expect(again.status, 'GET after POST').toBe(200)
    expect(await again.json()).toEqual(task)
  }

  /** Page by page, to the end, unless that would take too many requests. */
  async #listed({ query }: Sent, response: Response): Promise<void> {
    const [completed, limit] = [query.get('completed'), Number(query.get('limit') ?? 1000)]
    const expected = [...this.live.values()]
      .map(({ task }) => task)
      .filter((task) => completed === null || `${task.completed}` === completed)
      .sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id - a.id)
    for (let page: Response | undefined = response, start = 0; page && start < 4 * limit; start += limit) {
      expect(await page.json()).toEqual(expected.slice(start, start + limit))
      const link = /^<https:\/\/api\.test(.+)>; rel="next"$/.exec(page.headers.get('Link') ?? '')
      expect(link !== null, 'a Link to the next page').toBe(start + limit < expected.length)
      page = link?.[1] ? await this.#user.api('GET', link[1]) : undefined
    }
  }

  async #changed({ id, body }: Sent, response: Response): Promise<void> {
    const known = this.live.get(id)
    const { title = known?.task.title, description, completed } = JSON.parse(body) as Partial<Task>
    const task: Task = await response.json()
    const expected = { ...known?.task, title: trim(title ?? '') }
    if (description !== undefined) expected.description = description
    if (completed !== undefined) expected.completed = completed
    const moved = written(expected) !== written(known?.task ?? {})
    expect(task).toEqual({ ...expected, ...(moved && { updated_at: task.updated_at }) })
    expect(task.updated_at >= (known?.task.updated_at ?? '')).toBe(true)
    const etag = response.headers.get('ETag') ?? ''
    expect(etag !== known?.etag, 'another ETag').toBe(moved)
    this.live.set(id, { task, etag })
  }

  async #bulkDeleted({ body }: Sent, response: Response): Promise<void> {
    const ids = [...new Set((JSON.parse(body) as { task_ids: number[] }).task_ids)]
    const deleted = ids.filter((id) => this.live.has(id))
    expect(await response.json()).toEqual({ deleted, not_found: ids.filter((id) => !this.live.has(id)) })
    await this.#deleted(deleted)
  }

  async #deleted(ids: number[]): Promise<void> {
    for (const id of ids) {
      this.live.delete(id)
      this.dead.push(id)
      expect((await this.#user.api('GET', `/tasks/${id}`)).status, 'GET after DELETE').toBe(404)
    }
  }
}

/** What of a task a client writes, as it is stored. */
const written = ({ title = '', description = null, completed = false }: Partial<Task>) =>
  JSON.stringify([trim(title), description, completed])

const trim = (text: string) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')

/** Quoted or bare, it is one key. */
const keyOf = (headers: Record<string, string>) => headers['Idempotency-Key']?.replace(/^"(.*)"$/, '$1')
