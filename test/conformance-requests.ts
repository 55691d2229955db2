import * as fc from 'fast-check'
import { failing, fitting, MAX } from './conformance-values.ts'
import { faults, type Operation, type Parameter } from './openapi.ts'

/** A part of a request: what is sent, and whether the document allows it. */
interface Part<T> {
  value: T
  valid: boolean
}

/** A request that the document describes, or one that is wrong in one way. */
export interface Request {
  operationId: string
  /** Which of the user's tasks, the living before the dead; or an id that may be nobody's, or none. */
  id: number | Part<string>
  query: Record<string, Part<string>>
  headers: Record<string, Part<string>>
  body: Part<string | undefined>
  /** Picks one of several media types, methods and the like. */
  pick: number
  wrong: 'no token' | 'unknown token' | 'method' | 'media type' | 'too large' | undefined
}

const valid = <T>(values: fc.Arbitrary<T>) => values.map((value): Part<T> => ({ value, valid: true }))
const invalid = <T>(values: fc.Arbitrary<T>) => values.map((value): Part<T> => ({ value, valid: false }))

/** Requests to one operation, with all of its parameters, headers and bodies, as the document has them. */
export function requests(operation: Operation): fc.Arbitrary<Request> {
  const { parameters, requestBody } = operation
  const [id] = parameters.filter((each) => each.in === 'path')
  // A cursor is opaque: only one that an answer gave is good.
  const query = parameters.filter((each) => each.in === 'query' && each.name !== 'cursor')
  const headers = parameters.filter((each) => each.in === 'header' && each.name !== 'X-Request-Id')
  const mistakes = ['no token', 'unknown token', 'method'] as const
  const withBody = ['media type', 'too large'] as const
  return fc.record({
    operationId: fc.constant(operation.operationId),
    id: id
      ? fc.oneof({ weight: 6, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: parameter(id) })
      : fc.constant(0),
    query: parts(query.map((each) => [each.name, parameter(each)])),
    headers: parts(headers.map(({ name }) => [name, name === 'Idempotency-Key' ? key : entityTag])),
    body: body(operation),
    pick: fc.nat(),
    wrong: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(...mistakes, ...(requestBody ? withBody : [])) },
    ),
  })
}

/** Each is there, one time in three. */
function parts(
  all: [name: string, part: fc.Arbitrary<Part<string>>][],
): fc.Arbitrary<Record<string, Part<string>>> {
  const absent = { weight: 2, arbitrary: fc.constant(undefined) }
  const some = all.map(([name, part]) =>
    fc.tuple(fc.constant(name), fc.oneof(absent, { weight: 1, arbitrary: part })),
  )
  return fc
    .tuple(...some)
    .map((entries) =>
      Object.fromEntries(entries.filter((entry): entry is [string, Part<string>] => entry[1] !== undefined)),
    )
}

/** `current` stands for the ETag that the representation has by then. */
const entityTag = valid(fc.constantFrom('*', 'current', 'current', '"canary"', 'W/"0"'))

const key = fc.oneof(
  { weight: 3, arbitrary: valid(fc.constantFrom('canary-1', '"canary-1"', 'canary-2')) },
  { weight: 1, arbitrary: invalid(fc.constantFrom('', '""', 'k'.repeat(256), 'a\tb')) },
)

/** JSON texts, and a few texts that are not JSON or that no database can store. */
function body(operation: Operation): fc.Arbitrary<Part<string | undefined>> {
  const [content] = Object.values(operation.requestBody?.content ?? {})
  if (!content) return fc.constant({ value: undefined, valid: true })
  const text = (value: unknown) => JSON.stringify(value)
  const broken = ['', '{', '{"title":"a"', 'nul', "{'title':1}", '{"title":"\\ud800"}']
  return fc.oneof(
    { weight: 4, arbitrary: valid(fitting(content.schema).map(text)) },
    { weight: 2, arbitrary: invalid(failing(content.schema).map(text)) },
    { weight: 1, arbitrary: invalid(fc.constantFrom(...broken)) },
  )
}

const NEARLY = ['0', '-1', '01', '1e3', '0x10', '+1', '1.0', 'TRUE', '1 ', '９', 'null', `${MAX + 1}`]

/** The texts of a parameter in a path or a query. */
function parameter({ schema }: Parameter): fc.Arbitrary<Part<string>> {
  const texts = fc.oneof(fc.constantFrom(...NEARLY), fc.string({ unit: 'binary', minLength: 1 }))
  // A dot alone would make another path.
  const wrong = texts.filter((text) => !/^\.{1,2}$/.test(text) && faults(schema, typed(text)).length > 0)
  return fc.oneof(
    { weight: 4, arbitrary: valid(fitting(schema).map(String)) },
    { weight: 1, arbitrary: invalid(wrong) },
  )
}

function typed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : text
}
