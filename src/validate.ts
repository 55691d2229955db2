import { zValidator } from '@hono/zod-validator'
import type * as z from 'zod/mini'
import { readText } from './body.ts'
import { type FieldError, invalid, malformed, Problem } from './problem.ts'
import type { Rule } from './rules.ts'

const MESSAGES: Record<string, [code: string, message: string]> = {
  string: ['string_type', 'Input should be a valid string'],
  boolean: ['bool_type', 'Input should be a valid boolean'],
  array: ['list_type', 'Input should be a valid list'],
  number: ['int_type', 'Input should be a valid integer'],
}

/** zod issue → entry of `errors[]`. Only what our schemas can say stands here; anything else is a bug. */
function describe(issue: z.core.$ZodIssue, data: unknown): FieldError {
  const field = issue.path.join('.') || 'body'
  const input = issue.path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)?.[key],
    data,
  )
  const { message, code } = explain(issue, input)
  return { field, message, code, ...shown(input) }
}

function explain(issue: z.core.$ZodIssue, input: unknown): Rule {
  if (issue.code === 'custom') return issue.params as Rule
  if (issue.code === 'too_small') return { code: 'too_short', message: 'List should have at least 1 item' }
  if (issue.code === 'too_big') {
    return { code: 'too_long', message: `List should have at most ${issue.maximum} items` }
  }
  if (issue.code !== 'invalid_type') throw new TypeError(`no errors[] entry for a zod issue ${issue.code}`)
  if (issue.path.length === 0) return { code: 'model_type', message: 'Body should be a JSON object' }
  if (input === undefined) return { code: 'missing', message: 'Field required' }
  const [code, message] = MESSAGES[issue.expected] as [string, string]
  return { code, message }
}

/** What of a value an error may repeat: nothing of objects and lists, and at most 100 characters. */
function shown(input: unknown): Pick<FieldError, 'value'> {
  if (typeof input === 'string')
    return { value: [...input.slice(0, 200)].slice(0, 100).join('').toWellFormed() }
  if (input === null || typeof input === 'boolean' || Number.isFinite(input)) {
    return { value: input as boolean | number | null }
  }
  return {}
}

function hook(result: { success: boolean; data: unknown; error?: z.core.$ZodError }): void {
  if (!result.success && result.error) {
    throw invalid(result.error.issues.slice(0, 20).map((issue) => describe(issue, result.data)))
  }
}

export const params = <T extends z.ZodMiniType>(schema: T) => zValidator('param', schema, hook)

/** A parameter that is given twice is one value that fits no rule. */
const once = (values: Record<string, string | string[]>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))

export const query = <T extends z.ZodMiniType>(schema: T) =>
  zValidator('query', schema, hook, {
    // The validator's types know zod's classic result only; zod/mini's is the same.
    validationFunction: (schema, values) => schema.safeParse(once(values)) as never,
  })

const JSON_TYPE = 'application/json'
/** RFC 7396: a media type for PATCH alone. */
const MERGE_PATCH = 'application/merge-patch+json'
/** RFC 5789 §2.2 */
const ACCEPT_PATCH = { 'Accept-Patch': `${JSON_TYPE}, ${MERGE_PATCH}` }

/** A JSON body: one of another media type is a 415, text that is not JSON a 400. */
export function body<T extends z.ZodMiniType>(schema: T) {
  const validate = zValidator('json', schema, hook)
  const checked: typeof validate = async function body(c, next) {
    const mediaType = c.req.header('Content-Type')?.split(';', 1)[0]?.trim().toLowerCase()
    const text = await readText(c.req.raw)
    if (mediaType === undefined && text === '') throw malformed()
    const isPatch = c.req.method === 'PATCH'
    if (mediaType !== JSON_TYPE && !(isPatch && mediaType === MERGE_PATCH)) {
      throw new Problem('unsupported_media_type', isPatch ? { headers: ACCEPT_PATCH } : {})
    }
    // Where hono keeps what was read; it is a promise there, whatever the type says.
    Object.assign(c.req.bodyCache, { text: Promise.resolve(text) })
    return validate(c, next)
  }
  return checked
}
