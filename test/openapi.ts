import { type Schema, Validator } from '@cfworker/json-schema'
import { expect } from 'vitest'
import json from '../public/openapi.json'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Schema
  examples?: Record<string, { value: unknown }>
}

interface Header {
  required?: boolean
  schema: Schema
}

export interface Answer {
  headers: Record<string, Header>
  content?: Record<string, { schema: Schema; example: unknown }>
  links?: Record<string, Link>
}

export interface Link {
  operationId: string
  parameters: Record<string, string>
}

export interface Operation {
  method: Method
  path: string
  operationId: string
  security?: unknown[]
  parameters: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema; examples: Record<string, { value: unknown }> }> }
  responses: Record<string, Answer>
}

/** public/openapi.json with its references, other than to schemas, in place. */
export const paths = resolve(json.paths) as Record<
  string,
  { [M in Method]?: Omit<Operation, 'method' | 'path'> }
>

export const operations: Operation[] = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ ...operation, method: method as Method, path })),
)

function resolve(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(resolve)
  if (typeof node !== 'object' || node === null) return node
  const { $ref } = node as { $ref?: string }
  if ($ref !== undefined && !$ref.startsWith('#/components/schemas/')) return resolve(at($ref))
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, resolve(value)]))
}

function at(ref: string): unknown {
  const names = ref.slice(2).split('/')
  return names.reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], json)
}

export function schemaOf(schema: Schema): Schema {
  return schema.$ref ? (at(schema.$ref) as Schema) : schema
}

/** What of the value the schema does not allow; empty when it fits. */
export const faults = validator(json.components)

/** The same of an answer: published, it is open for members and codes to come; here it may have none but today's. */
const faultsOfAnswer = validator({ schemas: todays() })

function validator(components: unknown) {
  // An interpreter: workerd allows no code that is made from text, as ajv's is.
  const validators = new Map<Schema, Validator>()
  /** Values of headers that fit, most of which are on every answer. */
  const fit = new Map<Schema, Set<unknown>>()
  return (schema: Schema, value: unknown): string[] => {
    if (fit.get(schema)?.has(value)) return []
    const known =
      validators.get(schema) ?? new Validator({ ...schema, components } as Schema, '2020-12', false)
    validators.set(schema, known)
    const { errors } = known.validate(value)
    if (errors.length === 0 && typeof value !== 'object') {
      fit.set(schema, (fit.get(schema) ?? new Set()).add(value))
    }
    return errors.map((error) => `${error.instanceLocation}: ${error.error}`)
  }
}

function todays() {
  const closed = close(json.components.schemas) as Record<string, { properties: Record<string, Schema> }>
  for (const [name, { properties }] of Object.entries(closed)) {
    const words = name === 'FieldError' ? 'code' : name.endsWith('Problem') ? 'title' : undefined
    if (words) properties[words] = { enum: properties[words]?.examples }
  }
  return closed
}

function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close)
  if (typeof node !== 'object' || node === null) return node
  const schema = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, close(value)]))
  if (schema.format === 'date-time')
    return { ...schema, pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$` }
  return schema.type === 'object' ? { ...schema, additionalProperties: false } : schema
}

/** The path of the document that this one is an instance of. */
export function template(path: string): string | undefined {
  const plain = path.replace(/[?#].*/s, '').replace(/(?<=.)\/$/, '')
  return plain in paths ? plain : /^\/tasks\/[^/]+$/.test(plain) ? '/tasks/{id}' : undefined
}

/** What a 405 has to list. */
export function allowed(path: string): string[] {
  const methods = Object.keys(paths[path] ?? {}).map((method) => method.toUpperCase())
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].sort()
}

/** The same on every answer, and so in the document's introduction; `server-timing` is that of `npm run dev`. */
const EVERYWHERE =
  /^(access-control-.*|content-length|content-security-policy|content-type|referrer-policy|server-timing|strict-transport-security|x-content-type-options)$/

/** A problem that no operation has: of an unknown path or method. */
const ANY = { type: true, title: true, status: true }
const { NotFoundProblem } = json.components.schemas
const PROBLEM = {
  ...NotFoundProblem,
  properties: { ...NotFoundProblem.properties, ...ANY },
  additionalProperties: false,
} as Schema

/**
 * Asserts that the document foresees this answer: its status, each header, the media type and the body. All answers of
 * all tests come by here, so what is as it should be costs no `expect`, which takes longer than what it looks at.
 */
export async function expectDocumented(method: string, path: string, response: Response): Promise<void> {
  const verb = method.toLowerCase()
  const text = await response.text()
  const wrong = faultsOfResponse(verb, path, response, text)
  if (wrong.length > 0) {
    expect.fail(`${method} ${path.slice(0, 200)} → ${response.status}: ${wrong.join('; ')}; ${text}`)
  }
}

function faultsOfResponse(verb: string, path: string, { status, headers }: Response, text: string): string[] {
  if (verb === 'options') return status === 204 && text === '' ? [] : ['an OPTIONS is a 204 without a body']
  const known = template(path)
  const operation = known && paths[known]?.[(verb === 'head' ? 'get' : verb) as Method]
  if (!operation) {
    // Bugs, and bad settings, are met on any path.
    if (![known ? 405 : 404, 500, 503].includes(status)) return ['the document has no such operation']
    const methods = headers.get('Allow')?.split(', ').sort()
    if (status === 405 && `${methods}` !== `${allowed(known as string)}`) return [`Allow: ${methods}`]
    return verb === 'head' ? [] : faults(PROBLEM, JSON.parse(text))
  }
  // A read heeds If-Match as a change does (RFC 9110 §13.1.1), though a client has no use for it.
  const read = verb === 'get' || verb === 'head'
  const unusual = read && status === 412 ? paths['/tasks/{id}']?.patch?.responses[412] : undefined
  const answer = operation.responses[status] ?? unusual
  if (!answer) return ['no such status in the document']
  return [...faultsOfHeaders(answer, new Map(headers)), ...faultsOfBody(verb, answer, headers, text)]
}

function faultsOfHeaders(answer: Answer, sent: Map<string, string>): string[] {
  const wrong: string[] = []
  const unknown = new Set(sent.keys())
  for (const [name, { required, schema }] of Object.entries(answer.headers)) {
    const value = sent.get(name.toLowerCase())
    unknown.delete(name.toLowerCase())
    if (value === undefined) {
      if (required) wrong.push(`${name} is missing`)
      continue
    }
    const typed = schema.type === 'integer' && /^(0|[1-9]\d*)$/.test(value) ? Number(value) : value
    for (const fault of faults(schema, typed)) wrong.push(`${name}: ${value}: ${fault}`)
  }
  for (const name of unknown) if (!EVERYWHERE.test(name)) wrong.push(`${name} is not in the document`)
  return wrong
}

function faultsOfBody(verb: string, { content }: Answer, headers: Headers, text: string): string[] {
  if (verb === 'head' || !content) return text === '' ? [] : ['no body was to come']
  const mediaType = headers.get('Content-Type') ?? 'none'
  const described = content[mediaType]
  return described ? faultsOfAnswer(described.schema, JSON.parse(text)) : [`Content-Type: ${mediaType}`]
}
