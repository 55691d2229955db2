import { newKey, type TaskCreate } from 'tasks-api-client'

/** A task that was written and is not known to be stored. Its key lets it be sent until it is, and be stored once. */
export interface Draft {
  key: string
  task: TaskCreate
}

/** Drafts outlive the page: a lost network, a reload and a closed tab lose none, and double none. */
const place = (userId: string) => `outbox:${userId}`

export function drafts(userId: string): Draft[] {
  return JSON.parse(localStorage.getItem(place(userId)) ?? '[]') as Draft[]
}

export function keep(userId: string, task: TaskCreate): void {
  write(userId, [...drafts(userId), { key: newKey(), task }])
}

export function drop(userId: string, key: string): void {
  write(
    userId,
    drafts(userId).filter((draft) => draft.key !== key),
  )
}

export function clear(userId: string): void {
  localStorage.removeItem(place(userId))
}

function write(userId: string, rest: Draft[]): void {
  if (rest.length > 0) localStorage.setItem(place(userId), JSON.stringify(rest))
  else clear(userId)
}
