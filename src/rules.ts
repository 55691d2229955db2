import * as z from 'zod/mini'

/** A rule inside a zod schema; `code` and `message` go into `errors[]` as they are. */
export interface Rule {
  code: string
  message: string
}

/** The contract's rules for values, in the words of `errors[]`. A kind of member is its schema and its bounds. */

const greater = (min: number): Rule => ({
  code: 'greater_than_equal',
  message: `Input should be greater than or equal to ${min}`,
})
const less = (max: number): Rule => ({
  code: 'less_than_equal',
  message: `Input should be less than or equal to ${max}`,
})
const notInteger = (code: 'int_type' | 'int_parsing'): Rule => ({
  code,
  message: 'Input should be a valid integer',
})
const range = (value: number, min: number, max: number): Rule | undefined =>
  value < min ? greater(min) : value > max ? less(max) : undefined

/** Adds an issue for the first rule that `broken` names; the words of `errors[]` travel in `params`. */
export const check = <T>(broken: (value: T) => Rule | undefined) =>
  z.superRefine<T>((value, ctx) => {
    const rule = broken(value)
    if (rule) ctx.addIssue({ code: 'custom', params: { ...rule } })
  })

/** Length in Unicode code points, as PostgreSQL and JSON Schema count: an emoji is one. */
const codePoints = (text: string) => [...text].length

const length = (min: number, max: number) =>
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

/** Not empty once its ends are trimmed. */
export const line = (max: number) => ({
  schema: z.string().check(z.overwrite(trim), length(1, max), z.meta({ minLength: 1, maxLength: max })),
  max,
})

/** As it was sent, or null. */
export const note = (max: number) => ({
  schema: z.nullable(z.string().check(length(0, max), z.meta({ maxLength: max }))),
  max,
})

export const flag = () => ({ schema: z.boolean() })

export const integer = (min: number, max: number) => ({
  schema: z.number().check(
    check((value) => (Number.isInteger(value) ? range(value, min, max) : notInteger('int_type'))),
    z.meta({ type: 'integer', minimum: min, maximum: max }),
  ),
  min,
  max,
})

/** An integer in a path or query, exactly as decimal notation writes it: not 01, 1e3, 0x10, +1 or ' 1'. */
export const digits = (min: number, max: number) =>
  z.pipe(
    z.string().check(
      check((value) =>
        /^(0|-?[1-9]\d*)$/.test(value) ? range(Number(value), min, max) : notInteger('int_parsing'),
      ),
      z.meta({ type: 'integer', minimum: min, maximum: max }),
    ),
    z.transform(Number),
  )
