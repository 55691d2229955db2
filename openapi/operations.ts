import type { ProblemType } from '../src/problem.ts'
import type { HeaderName } from './headers.ts'
import type { requests, responses, Schema } from './schemas.ts'
import { service } from './service.ts'
import { tasks } from './tasks.ts'

/** What the document says of one method of one path. Statuses come with `answers` and `problems`. */
export interface Operation {
  id: string
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  path: string
  tag: 'Tasks' | 'Service'
  summary: string
  description: string
  /** Names in `components.parameters`. */
  parameters?: string[]
  body?: { name: keyof typeof requests; mediaTypes: string[]; examples: Record<string, Example> }
  answers: Partial<Record<200 | 201 | 204 | 304 | 503, Answer>>
  problems: ProblemType[]
  /** The request behind the example of its 400. */
  invalid?: { path?: string; body?: unknown }
}

interface Example {
  summary: string
  value: unknown
}

export interface Answer {
  description: string
  schema?: keyof typeof responses
  example?: unknown
  headers?: HeaderName[]
  optionalHeaders?: HeaderName[]
  links?: Record<string, Schema>
}

export const operations: Operation[] = [...tasks, ...service]
