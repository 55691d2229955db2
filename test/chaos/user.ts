import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller, Outcome } from './caller.ts'

export interface Version {
  title: string
  completed: boolean
  version: number
}

/** What a client holds of a version that was acknowledged. */
type Held = Version & { etag: string | undefined }

const MAX_OWN = 40

type Headers = Record<string, string>

/**
 * One user, one call at a time, and what the API has acknowledged to them. A write of unknown outcome leaves its task
 * alone from then on: it may still take effect when everything has come back, so its allowed ends are kept.
 */
export class User {
  readonly id: string
  readonly token: string
  readonly #caller: Caller
  readonly #name: string
  /** Acknowledged, and so certain. */
  readonly tasks = new Map<number, Held>()
  readonly gone = new Set<number>()
  /** Any one of these; undefined for "deleted". */
  readonly doubtful = new Map<number, (Version | undefined)[]>()
  /** Titles of creates that nobody confirmed: at most once each. */
  readonly unconfirmed = new Set<string>()
  readonly faults: string[] = []
  acknowledged = 0
  #wasAnswered = true
  unknown = 0

  constructor(caller: Caller, name: string, id: string, token: string) {
    this.#caller = caller
    this.#name = name
    this.id = id
    this.token = token
  }

  /** Waits a little where the Worker could not help, as Retry-After asks, though less. */
  async step(share: { reads: number }): Promise<void> {
    const ids = [...this.tasks.keys()]
    const id = ids[ids.length > 0 ? randomInt(ids.length) : 0]
    const dice = Math.random()
    if (id !== undefined && dice < share.reads) await (randomInt(4) === 0 ? this.#list() : this.#read(id))
    else if (id === undefined || (ids.length < MAX_OWN && randomInt(2) === 0)) await this.#create()
    else if (ids.length > MAX_OWN / 2 && randomInt(3) === 0)
      await this.#remove(ids.slice(0, 1 + randomInt(3)))
    else await this.#edit(id)
    if (!this.#wasAnswered) await sleep(50)
  }

  async #call(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Outcome> {
    const outcome = await this.#caller.call(this.token, method, path, body, headers)
    this.#wasAnswered = outcome.kind === 'answered'
    return outcome
  }

  #title = () => `canary ${this.#name} ${randomUUID()}`

  async #create(): Promise<void> {
    const title = this.#title()
    const keyed = randomInt(2) === 0
    const headers: Headers = keyed ? { 'Idempotency-Key': randomUUID() } : {}
    for (;;) {
      const outcome = await this.#call('POST', '/tasks', { title }, headers)
      if (outcome.kind === 'answered') {
        const { id } = outcome.body as { id: number }
        if (!this.#expect(outcome, 201, `create ${title}`)) return
        if (this.tasks.has(id) || this.gone.has(id)) this.faults.push(`id ${id} was given twice`)
        this.tasks.set(id, { title, completed: false, version: 1, etag: outcome.headers.etag })
        return
      }
      if (outcome.kind === 'unknown' && !keyed) this.unconfirmed.add(title)
      if (outcome.kind === 'unknown') this.unknown += 1
      // A key may be sent again until it is confirmed; without one, once is all.
      if (!keyed) return
      await sleep(100)
    }
  }

  async #edit(id: number): Promise<void> {
    const old = this.tasks.get(id) as Held
    const changed = { title: this.#title(), completed: !old.completed }
    const after = { ...changed, version: old.version + 1 }
    const method = randomInt(2) === 0 ? 'PUT' : 'PATCH'
    const headers: Headers = randomInt(2) === 0 && old.etag ? { 'If-Match': old.etag } : {}
    const outcome = await this.#call(method, `/tasks/${id}`, changed, headers)
    if (outcome.kind === 'unknown') return this.#doubt(id, [old, after])
    if (outcome.kind === 'answered' && this.#expect(outcome, 200, `edit ${id}`)) {
      const { etag } = outcome.headers
      this.tasks.set(id, { ...after, etag })
      if (!etag || etag === old.etag) this.faults.push(`edit ${id}: ${etag} after ${old.etag}`)
    }
  }

  async #remove(ids: number[]): Promise<void> {
    const [first] = ids as [number]
    const outcome =
      ids.length === 1
        ? await this.#call('DELETE', `/tasks/${first}`)
        : await this.#call('POST', '/tasks/bulk-delete', { task_ids: ids })
    if (outcome.kind === 'unknown') for (const id of ids) this.#doubt(id, [this.tasks.get(id), undefined])
    if (outcome.kind !== 'answered') return
    if (!this.#expect(outcome, ids.length === 1 ? 204 : 200, `delete ${ids.join(', ')}`)) return
    if (ids.length > 1 && JSON.stringify(outcome.body) !== JSON.stringify({ deleted: ids, not_found: [] })) {
      this.faults.push(`bulk-delete ${ids.join(', ')}: ${JSON.stringify(outcome.body)}`)
    }
    for (const id of ids) {
      this.tasks.delete(id)
      this.gone.add(id)
    }
  }

  async #read(id: number): Promise<void> {
    const outcome = await this.#call('GET', `/tasks/${id}`)
    if (outcome.kind === 'answered') this.#compare(outcome.body as Partial<Version>, id, outcome.status)
  }

  async #list(): Promise<void> {
    const outcome = await this.#call('GET', '/tasks?limit=100')
    if (outcome.kind !== 'answered') return
    const listed = outcome.body as ({ id: number; user_id: string } & Version)[]
    const known = listed.filter(({ id }) => this.tasks.has(id))
    if (known.length !== this.tasks.size)
      this.faults.push(`list: ${known.length} of ${this.tasks.size} tasks`)
    for (const task of known) this.#compare(task, task.id, outcome.status)
    if (listed.some(({ id }) => this.gone.has(id))) this.faults.push('list: a task that was deleted')
    if (listed.some(({ user_id }) => user_id !== this.id)) this.faults.push("list: another user's task")
  }

  #compare(task: Partial<Version>, id: number, status: number): void {
    const { title, completed } = this.tasks.get(id) as Version
    if (status === 200 && task.title === title && task.completed === completed) return
    this.faults.push(`read ${id}: ${status}, not what was acknowledged`)
  }

  #doubt(id: number, ends: (Version | undefined)[]): void {
    this.unknown += 1
    this.tasks.delete(id)
    this.doubtful.set(id, ends)
  }

  #expect(outcome: Outcome & { kind: 'answered' }, status: number, what: string): boolean {
    if (outcome.status === status) this.acknowledged += 1
    else this.faults.push(`${what}: ${outcome.status} ${JSON.stringify(outcome.body)}`)
    return outcome.status === status
  }
}
