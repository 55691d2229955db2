import type { ProblemType } from '../src/problem.ts'
import { everything, milk, plants } from './examples.ts'
import type { HeaderName } from './headers.ts'
import type { Answer, Operation } from './operations.ts'
import type { Schema } from './schemas.ts'

const JSON_ONLY = ['application/json']
const MERGE_PATCH = ['application/json', 'application/merge-patch+json']

const VALIDATORS: HeaderName[] = ['ETag']
const byId = { id: '$response.body#/id' }
const at = (operationId: string, description: string, parameters: Schema): Schema => ({
  operationId,
  description,
  parameters,
})
const toTask = {
  getTask: at('getTask', 'Read it again.', byId),
  patchTask: at('patchTask', 'Change it, if it is still at this version.', {
    ...byId,
    'header.If-Match': '$response.header.ETag',
  }),
  putTask: at('putTask', 'The same by PUT.', { ...byId, 'header.If-Match': '$response.header.ETag' }),
  deleteTask: at('deleteTask', 'Delete it.', byId),
}
const toFirst = {
  getFirstTask: at('getTask', 'Read the newest task alone.', { id: '$response.body#/0/id' }),
}

const SESSION: ProblemType[] = ['authentication_error', 'rate_limit_exceeded', 'service_unavailable']
const BODY: ProblemType[] = [
  'validation_error',
  'request_timeout',
  'payload_too_large',
  'unsupported_media_type',
]
const NOT_MODIFIED: Answer = {
  description: 'Not modified. What the client holds, by `If-None-Match`, is still good.',
  headers: VALIDATORS,
}
const MORE: HeaderName[] = ['Link', 'X-Next-Cursor']
const CHANGE: ProblemType[] = [...SESSION, ...BODY, 'not_found', 'precondition_failed']
const CHANGES: Operation['body'] = {
  name: 'TaskUpdate',
  mediaTypes: JSON_ONLY,
  examples: {
    done: { summary: 'Check it off', value: { completed: true } },
    clear: {
      summary: 'Retitle it, clear its description',
      value: { title: 'Buy oat milk', description: null },
    },
  },
}
const CHANGED: Operation['answers'] = {
  200: {
    description: 'OK. The task as it is now.',
    schema: 'Task',
    example: { ...milk, completed: true, updated_at: '2025-12-10T13:00:00.000Z' },
    headers: VALIDATORS,
    links: toTask,
  },
}

export const tasks: Operation[] = [
  {
    id: 'listTasks',
    method: 'get',
    path: '/tasks',
    tag: 'Tasks',
    summary: 'List tasks',
    description:
      'Yours, newest first. When there are more than fit the page, `X-Next-Cursor` is the `cursor` of the next, and `Link` its address; nothing is cut silently. With `If-None-Match`, a page that has not changed costs no body.',
    parameters: ['Completed', 'Limit', 'Cursor', 'If-None-Match'],
    answers: {
      200: {
        description: 'OK. A page of tasks.',
        schema: 'Tasks',
        example: [milk, plants],
        headers: VALIDATORS,
        optionalHeaders: MORE,
        links: toFirst,
      },
      304: { ...NOT_MODIFIED, optionalHeaders: MORE },
    },
    problems: ['validation_error', ...SESSION],
    invalid: { path: '/tasks?limit=0' },
  },
  {
    id: 'createTask',
    method: 'post',
    path: '/tasks',
    tag: 'Tasks',
    summary: 'Create a task',
    description:
      'With an `Idempotency-Key` it is safe to send again: for 24 hours the same key and body give the same task.',
    parameters: ['Idempotency-Key'],
    body: {
      name: 'TaskCreate',
      mediaTypes: JSON_ONLY,
      examples: {
        full: {
          summary: 'With everything',
          value: everything,
        },
        title: { summary: 'A title is enough', value: { title: 'Water the plants' } },
      },
    },
    answers: {
      201: {
        description: 'Created. The new task.',
        schema: 'Task',
        example: milk,
        headers: ['Location', ...VALIDATORS],
        optionalHeaders: ['Idempotency-Replayed'],
        links: toTask,
      },
    },
    problems: [...SESSION, ...BODY, 'idempotency_key_reused'],
    invalid: { body: { title: ' ', completed: 'yes' } },
  },
  {
    id: 'bulkDeleteTasks',
    method: 'post',
    path: '/tasks/bulk-delete',
    tag: 'Tasks',
    summary: 'Delete many tasks',
    description: 'One to a thousand at once. What is not there, or not yours, is told and stops nothing.',
    body: {
      name: 'BulkDelete',
      mediaTypes: JSON_ONLY,
      examples: { two: { summary: 'Two of them', value: { task_ids: [42, 43] } } },
    },
    answers: {
      200: {
        description: 'OK. What was deleted, and what was not found.',
        schema: 'BulkDeleteResult',
        example: { deleted: [42], not_found: [43] },
      },
    },
    problems: [...SESSION, ...BODY],
    invalid: { body: { task_ids: [42, 0] } },
  },
  {
    id: 'getTask',
    method: 'get',
    path: '/tasks/{id}',
    tag: 'Tasks',
    summary: 'Read a task',
    description: 'With `If-None-Match`, a task that has not changed costs no body.',
    parameters: ['TaskId', 'If-None-Match'],
    answers: {
      200: {
        description: 'OK. The task.',
        schema: 'Task',
        example: milk,
        headers: VALIDATORS,
        links: toTask,
      },
      304: NOT_MODIFIED,
    },
    problems: ['validation_error', 'not_found', ...SESSION],
    invalid: { path: '/tasks/0' },
  },
  {
    id: 'putTask',
    method: 'put',
    path: '/tasks/{id}',
    tag: 'Tasks',
    summary: 'Change a task (PUT)',
    description:
      'The same as PATCH: members that are not sent are kept. With `If-Match`, only if nobody else has changed it.',
    parameters: ['TaskId', 'If-Match'],
    body: CHANGES,
    answers: CHANGED,
    problems: CHANGE,
    invalid: { body: {} },
  },
  {
    id: 'patchTask',
    method: 'patch',
    path: '/tasks/{id}',
    tag: 'Tasks',
    summary: 'Change a task',
    description:
      'What is sent changes, what is not stays; `description: null` clears it. Values equal to the stored ones change nothing, not even `updated_at`. With `If-Match`, of two editors one wins and the other is told.',
    parameters: ['TaskId', 'If-Match'],
    body: { ...CHANGES, mediaTypes: MERGE_PATCH },
    answers: CHANGED,
    problems: CHANGE,
    invalid: { body: { title: '', completed: null } },
  },
  {
    id: 'deleteTask',
    method: 'delete',
    path: '/tasks/{id}',
    tag: 'Tasks',
    summary: 'Delete a task',
    description:
      'For good. The second time it is not found. With `If-Match`, only if nobody else has changed it since it was read.',
    parameters: ['TaskId', 'If-Match'],
    answers: {
      204: {
        description: 'No content. It is gone.',
        links: {
          getTask: at('getTask', 'Not found from now on.', { id: '$request.path.id' }),
        },
      },
    },
    problems: ['validation_error', 'not_found', 'precondition_failed', ...SESSION],
    invalid: { path: '/tasks/0' },
  },
]
