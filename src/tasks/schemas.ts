import * as z from 'zod/mini'
import { check, digits, integer } from '../rules.ts'
import { names, shape } from '../task.ts'

const MAX_ID = Number.MAX_SAFE_INTEGER
const MAX_PAGE = 1000

export const TaskCreate = z.object(shape('inCreate'))
export type TaskCreate = z.output<typeof TaskCreate>

/** PUT and PATCH alike: what is sent changes, what is not stays. `null` clears what may be null. */
export const TaskUpdate = z.object(shape('inUpdate')).check(
  check((changes) =>
    names.every((name) => changes[name] === undefined)
      ? { code: 'empty_update', message: `Send at least one of ${names.join(', ')}` }
      : undefined,
  ),
  z.meta({ minProperties: 1 }),
)
export type TaskUpdate = z.output<typeof TaskUpdate>

export const BulkDelete = z.object({
  task_ids: z.array(integer(1, MAX_ID).schema).check(z.minLength(1), z.maxLength(1000)),
})

export const TaskId = z.object({ id: digits(1, MAX_ID) })

export const TaskList = z.object({
  completed: z.optional(
    z.pipe(
      z.string().check(
        check((value) =>
          value === 'true' || value === 'false'
            ? undefined
            : { code: 'bool_parsing', message: 'Input should be true or false' },
        ),
        z.meta({ type: 'boolean' }),
      ),
      z.transform((value) => value === 'true'),
    ),
  ),
  limit: z.optional(digits(1, MAX_PAGE)),
  cursor: z.optional(z.string()),
})
