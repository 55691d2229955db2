import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { registry } from '../src/problem.ts'
import { ALWAYS, CHARGED, COUNTED, ETAG, headerComponents, REQUEST_ID, refer } from './headers.ts'
import { introduction } from './introduction.ts'
import { type Operation, operations } from './operations.ts'
import { problemContent, problemResponse, problemSchemas, responseTypes } from './problems.ts'
import { jsonSchema, PAGE, parameters, requests, responses, type Schema } from './schemas.ts'

const { version, license } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))

const text = { type: 'string' }

const parameterComponents = {
  TaskId: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The task.',
    schema: jsonSchema(parameters.id, 'input'),
    example: 42,
  },
  Completed: query('completed', true),
  Limit: query('limit', 50, { default: PAGE }),
  Cursor: query('cursor'),
  'If-Match': header(
    'If-Match',
    'Act only on the task that this `ETag` of an earlier answer names, or else 412; on any, for `*`.',
    text,
    { any: '*', known: ETAG },
  ),
  'If-None-Match': header(
    'If-None-Match',
    'The `ETag` of what the client holds. While it is still right the answer is a 304, without a body.',
    text,
    { known: ETAG },
  ),
  'Idempotency-Key': header(
    'Idempotency-Key',
    'Chosen by the client, new for each new task: 1–255 printable characters, bare or quoted.',
    // Not empty when its quotes are taken off, nor when HTTP has cut the white space at its ends.
    { ...text, maxLength: 255, pattern: '^([!#-~]|[!#-~][ -~]*[!-~]|"[ -~]*[ !#-~][ -~]*")$' },
    { new: '8d3f6e2a-94c1-4b7e-a5d0-1c2b3a4f5e6d' },
  ),
  'X-Request-Id': header(
    'X-Request-Id',
    'A name for this request, of your own. One that does not fit is replaced.',
    text,
    { own: REQUEST_ID },
  ),
}

function query(name: keyof typeof parameters, example?: unknown, facts?: Schema): Schema {
  const { description, ...schema } = jsonSchema(parameters[name], 'input')
  const examples = example !== undefined && optional({ some: example })
  return { name, in: 'query', description, schema: { ...schema, ...facts }, ...examples }
}

function header(name: string, description: string, schema: Schema, examples: Record<string, string>): Schema {
  return { name, in: 'header', description, schema, ...optional(examples) }
}

/** Of more than one example the first is good for any task. The docs page would send those that do not say otherwise. */
function optional(examples: Record<string, unknown>): Schema {
  const entries = Object.entries(examples).map(([name, value]) => [name, { value, 'x-disabled': true }])
  return { examples: Object.fromEntries(entries) }
}

async function responsesOf(operation: Operation): Promise<Schema> {
  const { path, answers, problems } = operation
  const charged = path.startsWith('/tasks')
  const all: Schema = {}
  for (const type of [...problems, 'internal_error' as const]) {
    all[registry[type][0]] = await problemResponse(type, operation)
  }
  for (const [status, answer] of Object.entries(answers)) {
    const type = responseTypes.find((type) => registry[type][0] === Number(status) && problems.includes(type))
    all[status] = {
      description: answer.description,
      headers: refer(
        [...(answer.headers ?? []), ...ALWAYS, ...(charged ? CHARGED : [])],
        [...(answer.optionalHeaders ?? []), ...(charged ? COUNTED : [])],
      ),
      ...(answer.schema && {
        content: {
          'application/json': {
            schema: { $ref: `#/components/schemas/${answer.schema}` },
            example: answer.example,
          },
          ...(type && (await problemContent(type, operation))),
        },
      }),
      ...(answer.links && { links: answer.links }),
    }
  }
  return all
}

async function operationObject(operation: Operation): Promise<Schema> {
  const { id, tag, summary, description, body, path } = operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(!path.startsWith('/tasks') && { security: [] }),
    parameters: [...(operation.parameters ?? []), 'X-Request-Id'].map((name) => ({
      $ref: `#/components/parameters/${name}`,
    })),
    ...(body && {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          body.mediaTypes.map((mediaType) => [
            mediaType,
            { schema: { $ref: `#/components/schemas/${body.name}` }, examples: body.examples },
          ]),
        ),
      },
    }),
    responses: await responsesOf(operation),
  }
}

/** The API's description of itself, from the schemas and the problems that src/ works with. */
export async function openapi(): Promise<Schema> {
  const paths: Record<string, Schema> = {}
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: await operationObject(operation) }
  }
  const schemas = {
    ...Object.fromEntries(
      Object.entries(responses).map(([name, schema]) => [name, jsonSchema(schema, 'output')]),
    ),
    ...Object.fromEntries(
      Object.entries(requests).map(([name, schema]) => [name, jsonSchema(schema, 'input')]),
    ),
    ...problemSchemas,
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Tasks API',
      version,
      summary: 'Todo tasks, one list a user.',
      description: introduction,
      license: { name: license, identifier: license },
    },
    servers: [{ url: '/', description: 'Where this document came from' }],
    security: [{ session: [] }],
    tags: [
      { name: 'Tasks', description: 'A user’s own tasks. All of these want a session.' },
      { name: 'Service', description: 'Open to anyone, and not limited.' },
    ],
    paths,
    components: {
      securitySchemes: {
        session: {
          type: 'http',
          scheme: 'bearer',
          description: 'The session token that the auth server hands out at sign-in.',
        },
      },
      parameters: parameterComponents,
      headers: headerComponents(JSON.stringify(paths)),
      schemas,
    },
  }
}
