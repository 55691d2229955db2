import type { User } from '../world/data.ts'
import type { StackName } from '../world/stacks.ts'
import type { Call } from './ask.ts'

export const OPERATIONS = ['get', 'list-50', 'list-1000', 'create', 'patch'] as const
export type Operation = (typeof OPERATIONS)[number]

/** FastAPI without its pre-ping is there to tell the ping's trips from the others: two reads do. */
export const operationsOf = (stack: StackName): readonly Operation[] =>
  stack === 'fastapi-lean' ? ['get', 'list-50'] : OPERATIONS

export const isWrite = (operation: Operation) => operation === 'create' || operation === 'patch'

/** The floor looks no session up: its bearer is the user's id. */
export const bearer = (stack: StackName, user: User) => `Bearer ${stack === 'floor' ? user.id : user.token}`

export function request(operation: Operation, { first, last }: User): Call {
  const anyTask = () => `/tasks/${first + Math.floor(Math.random() * (last - first + 1))}`
  // Differs from the stored one, so that every patch is a change.
  const title = `Write to customer number ${Math.floor(Math.random() * 1e9)} about the order`
  switch (operation) {
    case 'get':
      return { method: 'GET', path: anyTask() }
    case 'list-50':
    case 'list-1000':
      return { method: 'GET', path: `/tasks?limit=${operation.slice('list-'.length)}` }
    case 'patch':
      return { method: 'PATCH', path: anyTask(), body: JSON.stringify({ title }) }
    case 'create': {
      const description = 'Ask for the delivery address.'
      return { method: 'POST', path: '/tasks', body: JSON.stringify({ title, description }) }
    }
  }
}
