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
  return (schema: Schema, value: unknown): string[] => {
    const known =
      validators.get(schema) ?? new Validator({ ...schema, components } as Schema, '2020-12', false)
    validators.set(schema, known)
    return known.validate(value).errors.map((error) => `${error.instanceLocation}: ${error.error}`)
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

/** Asserts that the document foresees this answer: its status, each header, the media type and the body. */
export async function expectDocumented(method: string, path: string, response: Response): Promise<void> {
  const verb = method.toLowerCase()
  const request = `${method} ${path.slice(0, 200)} → ${response.status}`
  const text = await response.text()
  if (verb === 'options') {
    expect([response.status, text], request).toEqual([204, ''])
    return
  }
  const known = template(path)
  const operation = known && paths[known]?.[(verb === 'head' ? 'get' : verb) as Method]
  if (!operation) {
    // Bugs, and bad settings, are met on any path.
    expect([known ? 405 : 404, 500, 503], request).toContain(response.status)
    if (response.status === 405) {
      expect(response.headers.get('Allow')?.split(', ').sort(), request).toEqual(allowed(known as string))
    }
    if (verb !== 'head') expect(faults(PROBLEM, JSON.parse(text)), `${request}: ${text}`).toEqual([])
    return
  }
  // A read heeds If-Match as a change does (RFC 9110 §13.1.1), though a client has no use for it.
  const read = verb === 'get' || verb === 'head'
  const unusual = read && response.status === 412 ? paths['/tasks/{id}']?.patch?.responses[412] : undefined
  const answer = operation.responses[response.status] ?? unusual
  expect(answer, `${request} is not in the document: ${text}`).toBeDefined()
  if (!answer) return
  expectHeaders(request, answer, response.headers)
  if (verb === 'head' || !answer.content) {
    expect(text, request).toBe('')
    return
  }
  const mediaType = response.headers.get('Content-Type') ?? 'none'
  const content = answer.content[mediaType]
  expect(content, `${request}: ${mediaType}`).toBeDefined()
  if (content) expect(faultsOfAnswer(content.schema, JSON.parse(text)), `${request}: ${text}`).toEqual([])
}

function expectHeaders(request: string, answer: Answer, headers: Headers): void {
  for (const [name, { required, schema }] of Object.entries(answer.headers)) {
    const value = headers.get(name)
    if (required) expect(value, `${request} has ${name}`).not.toBeNull()
    if (value === null) continue
    const typed = schema.type === 'integer' && /^(0|[1-9]\d*)$/.test(value) ? Number(value) : value
    expect(faults(schema, typed), `${request}, ${name}: ${value}`).toEqual([])
  }
  const names = Object.keys(answer.headers).map((name) => name.toLowerCase())
  const unknown = [...headers.keys()].filter((name) => !names.includes(name) && !EVERYWHERE.test(name))
  expect(unknown, `${request} has headers that are not in the document`).toEqual([])
}
