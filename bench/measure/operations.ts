import type { Data, User } from '../world/data.ts'
import type { StackName } from '../world/stacks.ts'

export const OPERATIONS = ['get', 'list-50', 'list-1000', 'create', 'patch'] as const
export type Operation = (typeof OPERATIONS)[number]

/** FastAPI without its pre-ping is there to tell the ping's trips from the others: two reads do. */
export const operationsOf = (stack: StackName): readonly Operation[] =>
  stack === 'fastapi-lean' ? ['get', 'list-50'] : OPERATIONS

export const userOf = (operation: Operation, data: Data): User =>
  operation === 'create' ? data.writer : operation === 'patch' ? data.editor : data.reader

/** The floor looks no session up: its bearer is the user's id. */
export const bearer = (stack: StackName, user: User) => `Bearer ${stack === 'floor' ? user.id : user.token}`

/** The request of an operation as `fetch` takes it; wrk.lua makes the same ones under load. */
export function request(operation: Operation, user: User): { path: string; method: string; body?: string } {
  if (operation === 'get') return { path: `/tasks/${user.first}`, method: 'GET' }
  if (operation === 'list-50') return { path: '/tasks?limit=50', method: 'GET' }
  if (operation === 'list-1000') return { path: '/tasks?limit=1000', method: 'GET' }
  const title = `Write to customer number ${Math.floor(Math.random() * 1e9)} about the order`
  if (operation === 'patch') return { path: `/tasks/${user.first}`, method: 'PATCH', body: json({ title }) }
  return {
    path: '/tasks',
    method: 'POST',
    body: json({ title, description: 'Ask for the delivery address.' }),
  }
}

const json = (value: unknown) => JSON.stringify(value)

export async function send(
  url: string,
  authorization: string,
  call: ReturnType<typeof request>,
): Promise<Response> {
  const { path, method, body } = call
  const headers = { Authorization: authorization, ...(body && { 'Content-Type': 'application/json' }) }
  return await fetch(`${url}${path}`, { method, headers, ...(body && { body }) })
}
