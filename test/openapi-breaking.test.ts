import { describe, expect, test } from 'vitest'
import { breaking } from '../openapi/breaking.ts'
import json from '../public/openapi.json'

/** The document after a change to a copy of it. */
function changed(change: (document: typeof json) => void): typeof json {
  const document = structuredClone(json)
  change(document)
  return document
}

const set = (target: object, members: object) => Object.assign(target, members)
const remove = (target: object, name: string) => Reflect.deleteProperty(target, name)

describe('a document that breaks clients of the one before it says where', () => {
  test.each<[string, (document: typeof json) => void, string]>([
    [
      'an operation is gone',
      ({ paths }) => remove(paths['/tasks/{id}'], 'delete'),
      'DELETE /tasks/{id} is gone',
    ],
    [
      'an operation has another name',
      ({ paths }) => set(paths['/tasks'].get, { operationId: 'getTasks' }),
      'GET /tasks: operationId was "listTasks", is "getTasks"',
    ],
    [
      'it wants a session',
      ({ paths }) => remove(paths['/health'].get, 'security'),
      'GET /health Authorization is required',
    ],
    [
      'a parameter is gone',
      ({ paths }) => paths['/tasks'].get.parameters.shift(),
      'GET /tasks completed is gone',
    ],
    [
      'a parameter takes less',
      ({ components }) => set(components.parameters.Limit.schema, { maximum: 500 }),
      'GET /tasks limit: maximum was 1000, is 500',
    ],
    [
      'a member is required',
      ({ components }) => set(components.schemas.TaskCreate, { required: ['title', 'completed'] }),
      'POST /tasks application/json completed is required',
    ],
    [
      'a new member is required',
      ({ components }) => {
        set(components.schemas.TaskCreate.properties, { priority: { type: 'integer' } })
        set(components.schemas.TaskCreate, { required: ['title', 'priority'] })
      },
      'POST /tasks application/json priority is new, and required',
    ],
    [
      'a member takes less',
      ({ components }) => set(components.schemas.TaskCreate.properties.description, { type: 'string' }),
      'POST /tasks application/json description: type was ["string","null"], is "string"',
    ],
    [
      'a media type is gone',
      ({ paths }) => remove(paths['/tasks/{id}'].patch.requestBody.content, 'application/merge-patch+json'),
      'PATCH /tasks/{id} application/merge-patch+json is gone',
    ],
    [
      'an answer has a member less',
      ({ components }) => remove(components.schemas.Task.properties, 'completed'),
      'GET /tasks/{id} 200 application/json completed is gone',
    ],
    [
      'a member of an answer may be missing',
      ({ components }) => components.schemas.Task.required.pop(),
      'GET /tasks/{id} 200 application/json updated_at may be missing',
    ],
    [
      'a member of an answer may be null',
      ({ components }) => set(components.schemas.Task.properties.title, { type: ['string', 'null'] }),
      'GET /tasks/{id} 200 application/json title: type was "string", is ["string","null"]',
    ],
    [
      'a member of an answer has a value more',
      ({ components }) => components.schemas.Readiness.properties.status.enum.push('asleep'),
      'GET /health/ready 200 application/json status: enum was ["ok","degraded","unavailable"], is ["ok","degraded","unavailable","asleep"]',
    ],
    [
      'a header may be missing',
      ({ components }) => remove(components.headers.ETag, 'required'),
      'GET /tasks/{id} 200 ETag may be missing',
    ],
    [
      'a schema has another name',
      ({ components }) => remove(components.schemas, 'Health'),
      'schema Health is gone',
    ],
  ])('%s', (_, change, line) => {
    expect(breaking(json, changed(change))).toContain(line)
  })
})

describe('a document that breaks nothing says nothing', () => {
  test.each<[string, (document: typeof json) => void]>([
    ['it is the same', () => {}],
    [
      'other words',
      ({ paths }) => set(paths['/tasks'].get, { summary: 'Other words', description: 'Others' }),
    ],
    ['an operation more', ({ paths }) => set(paths, { '/tags': { get: paths['/tasks'].get } })],
    [
      'a member more, in requests and answers, and in what an update may be of',
      ({ components }) => {
        const { Task, TaskCreate, TaskUpdate } = components.schemas
        for (const { properties } of [Task, TaskCreate, TaskUpdate])
          set(properties, { priority: { type: 'integer' } })
        Task.required.push('priority')
        const { if: has, else: otherwise } = TaskUpdate
        set(TaskUpdate, { else: { if: { required: ['priority'] }, else: { if: has, else: otherwise } } })
      },
    ],
    [
      'a parameter takes more',
      ({ components }) => set(components.parameters.Limit.schema, { maximum: 5000 }),
    ],
    [
      'a problem more',
      ({ paths }) => set(paths['/tasks'].get.responses, { 418: paths['/tasks'].get.responses[400] }),
    ],
    [
      'a header more',
      ({ paths, components }) =>
        set(paths['/tasks'].get.responses[200].headers, { 'X-More': components.headers.Vary }),
    ],
  ])('%s', (_, change) => {
    expect(breaking(json, changed(change))).toEqual([])
  })
})
