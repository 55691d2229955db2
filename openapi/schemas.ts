import type { hc, InferResponseType } from 'hono/client'
import * as z from 'zod/mini'
import type { AppType } from '../src/app.ts'
import { fields, shape, type Task as TaskType } from '../src/task.ts'
import { BulkDelete, TaskCreate, TaskId, TaskList, TaskUpdate } from '../src/tasks/schemas.ts'

/** JSON Schema, as far as this generator looks into it. */
export interface Schema {
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  type?: string | string[]
  [keyword: string]: unknown
}

/** More words for a schema of src/, which carries none: they would be weight in the Worker. */
function describe<T extends z.ZodMiniType>(schema: T, facts: Record<string, unknown>): T {
  z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), ...facts })
  return schema
}

/** What `\p{White_Space}` holds, in ranges: not every language's regular expressions know the name. */
const whiteSpace = Array.from({ length: 0x10000 }, (_, code) => code)
  .filter((code) => isWhiteSpace(code))
  .map((code) =>
    isWhiteSpace(code - 1) ? (isWhiteSpace(code + 1) ? '' : `-${inPattern(code)}`) : inPattern(code),
  )
  .join('')

function isWhiteSpace(code: number): boolean {
  return /\p{White_Space}/u.test(String.fromCharCode(code))
}

function inPattern(code: number): string {
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : String.fromCharCode(code)
}

for (const { schema, inCreate, inUpdate, description, examples } of Object.values(fields)) {
  describe(schema, { description, examples: [examples[0]] })
  if (inCreate !== schema) describe(inCreate, { description, examples: [examples[0]] })
  describe(inUpdate, { description: `${description} Kept as it is when left out.` })
}
const { title, description } = fields
describe(title.schema, { pattern: `^[^\\x00]*[^\\x00${whiteSpace}][^\\x00]*$` })
describe(description.schema.def.innerType, { pattern: '^[^\\x00]*$' })
// At least one of its own members; those it does not know do not count. `anyOf` would spoil generated types, and
// `not` the members themselves.
const has = (name: string): Schema => ({ properties: { [name]: {} }, required: [name] })
const atLeastOne = Object.keys(TaskUpdate.shape)
  .map(has)
  .reduceRight((otherwise, member) => ({ if: member, else: otherwise }))
describe(TaskUpdate, atLeastOne)

/** A page, and a bulk delete, hold no more. */
export const PAGE = z.toJSONSchema(TaskList.shape.limit, { io: 'input' }).maximum
const id = BulkDelete.shape.task_ids.def.element
describe(id, { format: 'int64', description: 'Given by the database; never used twice.', examples: [42] })
describe(BulkDelete.shape.task_ids, {
  description: 'Duplicates count once.',
  examples: [[42, 43]],
})
describe(TaskId.shape.id, { format: 'int64', examples: [42] })
describe(TaskList.shape.completed, { description: 'Only tasks that are done, or only those that are not.' })
describe(TaskList.shape.limit, { description: 'How many tasks a page holds at most.' })
describe(TaskList.shape.cursor, {
  description: 'Where the page starts: opaque, the `X-Next-Cursor` of the page before it.',
  minLength: 1,
  maxLength: 255,
})

const described = (description: string, facts: Record<string, unknown> = {}) =>
  z.meta({ description, ...facts })

// Without a pattern, which some clients hold against what they have made of the text.
export const Timestamp = z.string().check(
  described('RFC 3339, in UTC, with three decimals.', {
    format: 'date-time',
    examples: ['2025-12-10T12:34:56.000Z'],
  }),
)

const Task = z
  .object({
    id,
    user_id: z.string().check(
      described('The owner, taken from the session.', {
        format: 'uuid',
        examples: ['5f3c1d2e-8a4b-4c6d-9e7f-0a1b2c3d4e5f'],
      }),
    ),
    ...shape('schema'),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .check(described('A task. `updated_at` moves only when a value changes.'))

const Tasks = z.array(Task).check(described('A page of tasks, newest first.', { maxItems: PAGE }))

const BulkDeleteResult = z
  .object({
    deleted: z.array(id).check(described('Yours, and now gone.', { maxItems: PAGE })),
    not_found: z
      .array(id)
      .check(described('Not there, or not yours: which of the two is not told.', { maxItems: PAGE })),
  })
  .check(described('Each id of the request once, in its order.'))

const ApiIndex = z
  .object({
    name: z.string(),
    version: z.string(),
    links: z.object({ docs: z.string(), openapi: z.string(), health: z.string() }),
  })
  .check(described('Where to go from here.'))

const Health = z
  .object({ status: z.literal('ok'), timestamp: Timestamp, version: z.string() })
  .check(described('The Worker itself is alive.'))

const Check = z.enum(['ok', 'unavailable'])
const Readiness = z
  .object({
    status: z
      .enum(['ok', 'degraded', 'unavailable'])
      .check(described('`degraded`: all requests are served, limits are counted per location.')),
    timestamp: Timestamp,
    checks: z.object({ database: Check, rate_limiter: Check }),
  })
  .check(described('What the Worker depends on, as it was found at most 10 seconds ago.'))

describe(TaskCreate, { description: 'A new task.' })
describe(TaskUpdate, { description: 'What is sent changes, what is not stays. At least one member.' })
describe(BulkDelete, { description: 'The tasks to delete.' })

/** By role: what clients send, and what they get. */
export const requests = { TaskCreate, TaskUpdate, BulkDelete }
export const responses = { Task, Tasks, BulkDeleteResult, ApiIndex, Health, Readiness }
export const parameters = { ...TaskId.shape, ...TaskList.shape }

export function jsonSchema(schema: z.ZodMiniType, io: 'input' | 'output'): Schema {
  const named = new Map<unknown, string>(
    Object.entries({ ...requests, ...responses }).map(([name, schema]) => [schema, name]),
  )
  const root = named.get(schema)
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    override({ zodSchema, jsonSchema }) {
      if (zodSchema._zod.def.type === 'nullable') {
        const { anyOf: [value] = [], ...facts } = jsonSchema
        replace(jsonSchema, { ...value, type: [value?.type, 'null'], ...facts })
      }
      // A client that was generated before a member came has to take it.
      if (io === 'output') delete jsonSchema.additionalProperties
      // A member with a default may be left out, but generated types would ask for it.
      if (io === 'input' && zodSchema._zod.def.type === 'default') {
        const { default: value, description, ...facts } = jsonSchema
        const left = value === null ? '' : ` ${value} when left out.`
        replace(jsonSchema, { description: `${description}${left}`, ...facts })
      }
      // One component refers to another.
      const name = named.get(zodSchema)
      if (name !== undefined && name !== root) replace(jsonSchema, { $ref: `#/components/schemas/${name}` })
    },
  })
  return json as Schema
}

function replace(target: object, members: object): void {
  for (const name of Object.keys(target)) Reflect.deleteProperty(target, name)
  Object.assign(target, members)
}

// The types of src/ and the schemas here are one, or this does not compile.
type Client = ReturnType<typeof hc<AppType>>
type Same<A, B> = [A, B] extends [B, A] ? true : never
true satisfies Same<z.output<typeof Task>, TaskType>
true satisfies Same<z.output<typeof Tasks>, InferResponseType<Client['tasks']['$get'], 200>>
true satisfies Same<
  z.output<typeof BulkDeleteResult>,
  InferResponseType<Client['tasks']['bulk-delete']['$post'], 200>
>
true satisfies Same<z.output<typeof ApiIndex>, InferResponseType<Client['index']['$get'], 200>>
type Fits<A, B> = A extends B ? true : never
true satisfies Fits<z.output<typeof Health>, InferResponseType<Client['health']['$get'], 200>>
true satisfies Fits<z.output<typeof Readiness>, InferResponseType<Client['health']['ready']['$get'], 200>>
