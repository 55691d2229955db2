import { type Schema, Validator } from '@cfworker/json-schema'
import { expect } from 'vitest'
import json from '../public/openapi.json'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Schema
}

interface Header {
  required?: boolean
  schema: Schema
}

export interface Answer {
  headers: Record<string, Header>
  content?: Record<string, { schema: Schema }>
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
  requestBody?: { content: Record<string, { schema: Schema }> }
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

// An interpreter: workerd allows no code that is made from text, as ajv's is.
const validators = new Map<Schema, Validator>()

/** What of the value the schema does not allow; empty when it fits. */
export function faults(schema: Schema, value: unknown): string[] {
  let validator = validators.get(schema)
  if (!validator) {
    validator = new Validator({ ...schema, components: json.components } as Schema, '2020-12', false)
    validators.set(schema, validator)
  }
  return validator.validate(value).errors.map((error) => `${error.instanceLocation}: ${error.error}`)
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

/** The same on every answer, and so in the document's introduction. */
const EVERYWHERE =
  /^(access-control-.*|content-length|content-security-policy|content-type|referrer-policy|strict-transport-security|x-content-type-options)$/

const PROBLEM: Schema = { $ref: '#/components/schemas/Problem', unevaluatedProperties: false }

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
  const answer = operation.responses[response.status]
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
  if (content) expect(faults(content.schema, JSON.parse(text)), `${request}: ${text}`).toEqual([])
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
