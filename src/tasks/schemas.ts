import * as z from 'zod/mini'
import type { Rule } from '../validate.ts'

const MAX_ID = Number.MAX_SAFE_INTEGER

const greater: Rule = {
  code: 'greater_than_equal',
  message: 'Input should be greater than or equal to 1',
}
const less = (max: number): Rule => ({
  code: 'less_than_equal',
  message: `Input should be less than or equal to ${max}`,
})
const notInteger: Rule = { code: 'int_parsing', message: 'Input should be a valid integer' }

/** Adds an issue for the first rule that `broken` names; the words of `errors[]` travel in `params`. */
const check = <T>(broken: (value: T) => Rule | undefined) =>
  z.superRefine<T>((value, ctx) => {
    const rule = broken(value)
    if (rule) ctx.addIssue({ code: 'custom', params: { ...rule } })
  })

/** Length in Unicode code points, as PostgreSQL and JSON Schema count: an emoji is one. */
const codePoints = (text: string) => [...text].length

const text = (min: number, max: number) =>
  check<string>((value) => {
    if (value.includes('\0') || !value.isWellFormed()) {
      return { code: 'string_invalid', message: 'String should not contain NUL or unpaired surrogates' }
    }
    if (codePoints(value) < min) {
      return { code: 'string_too_short', message: 'String should have at least 1 character' }
    }
    if (codePoints(value) > max) {
      return { code: 'string_too_long', message: `String should have at most ${max} characters` }
    }
  })

const WHITE_SPACE = /\p{White_Space}/u

/** Without Unicode's White_Space at both ends. All of it is in the BMP; a regex with `+$` would be quadratic. */
function trim(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && WHITE_SPACE.test(value.charAt(start))) start += 1
  while (end > start && WHITE_SPACE.test(value.charAt(end - 1))) end -= 1
  return value.slice(start, end)
}

const Title = z.string().check(z.overwrite(trim), text(1, 200), z.meta({ minLength: 1, maxLength: 200 }))
const Description = z.nullable(z.string().check(text(0, 1000), z.meta({ maxLength: 1000 })))
const Completed = z.boolean()

export const TaskCreate = z.object({
  title: Title,
  description: z.optional(Description),
  completed: z._default(Completed, false),
})
export type TaskCreate = z.output<typeof TaskCreate>

/** PUT and PATCH alike: what is sent changes, what is not stays. `description: null` clears it. */
export const TaskUpdate = z
  .object({
    title: z.optional(Title),
    description: z.optional(Description),
    completed: z.optional(Completed),
  })
  .check(
    check(({ title, description, completed }) =>
      title === undefined && description === undefined && completed === undefined
        ? { code: 'empty_update', message: 'Send at least one of title, description, completed' }
        : undefined,
    ),
    z.meta({ minProperties: 1 }),
  )
export type TaskUpdate = z.output<typeof TaskUpdate>

const range = (value: number, max: number): Rule | undefined =>
  value < 1 ? greater : value > max ? less(max) : undefined

export const BulkDelete = z.object({
  task_ids: z
    .array(
      z.number().check(
        check((id) =>
          Number.isInteger(id)
            ? range(id, MAX_ID)
            : { code: 'int_type', message: 'Input should be a valid integer' },
        ),
        z.meta({ type: 'integer', minimum: 1, maximum: MAX_ID }),
      ),
    )
    .check(z.minLength(1), z.maxLength(1000)),
})

/** An integer in a path or query, exactly as decimal notation writes it: not 01, 1e3, 0x10, +1 or ' 1'. */
const integer = (max: number) =>
  z.pipe(
    z.string().check(
      check((value) => (/^(0|-?[1-9]\d*)$/.test(value) ? range(Number(value), max) : notInteger)),
      z.meta({ type: 'integer', minimum: 1, maximum: max }),
    ),
    z.transform(Number),
  )

export const TaskId = z.object({ id: integer(MAX_ID) })

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
  limit: z.optional(integer(1000)),
  cursor: z.optional(z.string()),
})
