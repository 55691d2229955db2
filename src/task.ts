import * as z from 'zod/mini'
import { flag, line, note } from './rules.ts'

/** How a column's text becomes JSON. */
export type Kind = 'text' | 'boolean' | 'number'

/** What the document says of a field, and what its two example tasks have there. */
interface Words<T> {
  description: string
  examples: readonly [T, T]
}

function kindOf(schema: z.ZodMiniType): Kind {
  const { def } = schema instanceof z.ZodMiniNullable ? (schema.def.innerType as z.ZodMiniType) : schema
  if (def.type === 'string') return 'text'
  if (def.type === 'boolean' || def.type === 'number') return def.type
  throw new TypeError(`no column is read as a ${def.type}`)
}

/** A field that a new task has to be given. */
const required = <S extends z.ZodMiniType, B extends { schema: S }>(
  bounds: B & { schema: S },
  words: Words<z.output<S>>,
) => ({
  ...bounds,
  ...words,
  kind: kindOf(bounds.schema),
  initial: undefined,
  inCreate: bounds.schema as S,
  inUpdate: z.optional(bounds.schema as S),
})

/** A field that a new task has by itself. */
const initially = <S extends z.ZodMiniType, B extends { schema: S }>(
  initial: z.output<S>,
  bounds: B & { schema: S },
  words: Words<z.output<S>>,
) => ({
  ...required<S, B>(bounds, words),
  initial,
  inCreate: z._default(bounds.schema as S, initial as never),
})

/**
 * What a task says of itself, in the order of its JSON. Each field is said here, and its column in db/schema.ts; the
 * rest derives from the two: docs/add-a-field.md.
 */
export const fields = {
  title: required(line(200), {
    description:
      'What is to be done. White space at both ends is cut before its length, in Unicode code points, is counted.',
    examples: ['Buy milk', 'Water the plants'],
  }),
  description: initially(null, note(1000), {
    description: 'Anything more, or null.',
    examples: ['Two litres, the blue one', null],
  }),
  completed: initially(false, flag(), {
    description: 'Whether it is done.',
    examples: [false, true],
  }),
}

type Fields = typeof fields
export type FieldName = keyof Fields
export type FieldValues = { [N in FieldName]: z.output<Fields[N]['schema']> }

/** What a new task has by itself. */
export type OptionalField = {
  [N in FieldName]: Fields[N]['initial'] extends undefined ? never : N
}[FieldName]

export const names = Object.keys(fields) as FieldName[]

/** One of the schemas of each field, by name. */
export const shape = <K extends 'schema' | 'inCreate' | 'inUpdate'>(role: K) =>
  Object.fromEntries(names.map((name) => [name, fields[name][role]])) as { [N in FieldName]: Fields[N][K] }

/** A task as clients see it. */
export interface Task extends FieldValues {
  id: number
  user_id: string
  created_at: string
  updated_at: string
}
