import { describe, expect, test } from 'vitest'
import { app } from '../src/app.ts'
import {
  type Answer,
  expectDocumented,
  faults,
  type Link,
  type Operation,
  operations,
  schemaOf,
  template,
} from './openapi.ts'
import { aUser, type Problem, type User } from './support.ts'

test('the document has the routes of the app, and no others', () => {
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  const documented = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  expect(documented.sort()).toEqual([...new Set(routes)].sort())
})

describe('an answer that the document does not foresee fails its test', () => {
  const withHeader = (name: string, value?: string) => (answer: Response) => {
    const headers = new Headers(answer.headers)
    if (value === undefined) headers.delete(name)
    else headers.set(name, value)
    return new Response(answer.body, { headers })
  }
  const same = (answer: Response) => answer

  test.each([
    ['an unknown header', withHeader('X-New', '1'), 'x-new is not in the document'],
    ['a header that is missing', withHeader('RateLimit-Policy'), 'RateLimit-Policy is missing'],
    ['a header of another type', withHeader('X-RateLimit-Limit', '010'), 'X-RateLimit-Limit: 010'],
    ['another media type', withHeader('Content-Type', 'text/html'), 'Content-Type: text/html'],
    ['another body', ({ headers }: Response) => new Response('[{}]', { headers }), '#/0: '],
    [
      'another status',
      ({ headers }: Response) => new Response('', { status: 418, headers }),
      'no such status',
    ],
    ['a HEAD with a body', same, 'no body', 'HEAD'],
    ['an OPTIONS with a body', same, 'a 204', 'OPTIONS'],
    ['a method that there is not', same, 'no such operation', 'PROPFIND'],
    ['a path that there is not', same, 'no such operation', 'GET', '/nothing'],
  ])('%s', async (_, change, says, method = 'GET', path = '/tasks') => {
    const answer = await (await aUser()).api('GET', '/tasks')
    await expect(expectDocumented(method, path, change(answer))).rejects.toThrow(says)
  })
})

describe('the links of the document lead where they say (OpenAPI 3.1 §4.8.20)', () => {
  const linked = operations.flatMap(({ method, path, responses }) =>
    Object.entries(responses).flatMap(([status, answer]) =>
      Object.entries(answer.links ?? {}).map(([name, link]) => ({
        method,
        path,
        status,
        name,
        link,
        answer,
      })),
    ),
  )

  test.each(linked)('$method $path $status → $name', async ({ method, path, status, link }) => {
    const user = await aUser()
    const task = await user.task()
    const id = `${task.id}`
    const from = path.replace('{id}', id)
    const body = method === 'get' || method === 'delete' ? undefined : { title: 'canary link' }
    const response = await user.api(method.toUpperCase(), from, body)
    expect(`${response.status}`).toBe(status)

    const target = operations.find(({ operationId }) => operationId === link.operationId)
    const expected = method === 'delete' ? 404 : target?.method === 'delete' ? 204 : 200
    const followed = await follow(user, link, target, { id, response })
    expect(followed.status).toBe(expected)
  })

  async function follow(
    user: User,
    link: Link,
    target: Operation | undefined,
    source: { id: string; response: Response },
  ): Promise<Response> {
    if (!target) throw new Error(`no operation ${link.operationId}`)
    const text = await source.response.text()
    const headers: Record<string, string> = {}
    let path = target.path
    for (const [name, expression] of Object.entries(link.parameters)) {
      const value = evaluate(expression, source, text && JSON.parse(text))
      const parameter = target.parameters.find((each) =>
        name.includes('.') ? name === `${each.in}.${each.name}` : name === each.name,
      )
      expect(parameter, `${link.operationId} has a parameter ${name}`).toBeDefined()
      if (parameter?.in === 'header') headers[parameter.name] = value
      else path = path.replace(`{${name}}`, value)
    }
    const body = target.requestBody && { completed: true }
    return await user.api(target.method.toUpperCase(), path, body, headers)
  }

  /** A runtime expression (OpenAPI 3.1 §4.8.20.3). */
  function evaluate(expression: string, source: { id: string; response: Response }, body: unknown): string {
    const [, header, pointer] = /^\$response\.(?:header\.(.+)|body#\/(.+))$/.exec(expression) ?? []
    if (header) return source.response.headers.get(header) ?? ''
    if (!pointer) return expression === '$request.path.id' ? source.id : ''
    const value = pointer
      .split('/')
      .reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], body)
    return `${value}`
  }
})

describe('what all operations of one kind say', () => {
  const withSession = operations.filter(({ security }) => security === undefined)
  const answers = (operation: Operation) => Object.entries(operation.responses) as [string, Answer][]

  test.each(withSession)('$method $path: session, limits, outages', (operation) => {
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '429', '500', '503']))
  })

  test.each(operations)('$method $path: every 4xx and 5xx may be a problem (RFC 9457)', (operation) => {
    const failures = answers(operation).filter(([status]) => Number(status) >= 400)
    for (const [status, { content = {} }] of failures) {
      expect(Object.keys(content), status).toContain('application/problem+json')
    }
  })
})

describe('what is published is open for what is to come', () => {
  const bodies = operations.flatMap(({ method, path, responses }) =>
    Object.entries(responses).flatMap(([status, { content = {} }]) =>
      Object.entries(content).map(([type, { schema, example }]) => ({
        method,
        path,
        status,
        type,
        schema,
        example,
      })),
    ),
  )

  test.each(bodies)(
    '$method $path $status $type: the example fits, and with new members and codes',
    (body) => {
      const { schema, example } = body
      expect(faults(schema, example)).toEqual([])
      expect(faults(schema, later(example))).toEqual([])
    },
  )

  /** As a version to come might write it. */
  function later(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(later)
    if (typeof node !== 'object' || node === null) return node
    const members = Object.entries(node).map(([name, value]) => [
      name,
      name === 'code' ? 'a_new_code' : later(value),
    ])
    return { ...Object.fromEntries(members), a_new_member: { of: ['any', 'kind'] } }
  }
})

describe('examples fit their operation', () => {
  test.each(operations)('$method $path: problems', ({ path, parameters, responses, requestBody }) => {
    const [content] = Object.values(requestBody?.content ?? {})
    const members = Object.keys(schemaOf(content?.schema ?? {}).properties ?? {})
    const fields = [...parameters.map(({ name }) => name), ...members, 'body']
    for (const [status, { content = {} }] of Object.entries(responses)) {
      const problem = content['application/problem+json']?.example as Problem | undefined
      if (!problem) continue
      expect(problem.status).toBe(Number(status))
      expect(template(problem.instance)).toBe(path)
      for (const { field } of problem.errors ?? []) expect(fields).toContain(field.replace(/\..*/, ''))
    }
  })

  test.each(operations)('$method $path: a request of nothing but examples succeeds', async (operation) => {
    const { method, path, parameters, requestBody } = operation
    const user = await aUser()
    const { id } = await user.task()
    const query = new URLSearchParams()
    const headers: Record<string, string> = {}
    for (const { name, in: where, examples = {} } of parameters) {
      const [example] = Object.values(examples)
      if (!example) continue
      if (where === 'header') headers[name] = `${example.value}`
      else query.set(name, `${example.value}`)
    }
    const [content] = Object.values(requestBody?.content ?? {})
    for (const { value } of Object.values(content?.examples ?? { none: { value: undefined } })) {
      const response = await user.api(
        method.toUpperCase(),
        `${path.replace('{id}', `${id}`)}?${query}`,
        value,
        headers,
      )
      expect(response.status).toBeLessThan(300)
      // The next example is of another request.
      if ('Idempotency-Key' in headers) headers['Idempotency-Key'] += '+'
    }
  })
})
