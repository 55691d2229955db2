import * as fc from 'fast-check'
import { expect, inject, test } from 'vitest'
import { Model, type Sent } from './conformance-model.ts'
import { type Request, requests } from './conformance-requests.ts'
import type {} from './conformance-size.ts'
import { allowed, type Operation, operations } from './openapi.ts'
import { aToken, aUser, type Call, client, type User } from './support.ts'

/**
 * Requests made from the document, each answered as the document and the answers before it foresee: that every
 * answer is documented and fits its schema, `client` itself asserts. CONFORMANCE_REQUESTS says how many to send;
 * CONFORMANCE_SEED repeats a run that failed.
 */
const { requests: wanted, seed } = inject('conformance')

/** Writes of a minute that a user has no more of are 429s: a fresh user for every few. */
const STEPS = 20
const LANES = 4
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'SEARCH', 'REPORT']

const named = (id: string) => operations.find(({ operationId }) => operationId === id) as Operation

const sequences = fc.array(fc.oneof(...operations.map(requests), ...creates()), {
  minLength: 1,
  maxLength: STEPS,
  size: 'max',
})

/** A list that stays empty would say little: half of all requests make a task. */
function creates(): fc.Arbitrary<Request>[] {
  return Array.from({ length: 5 }, () => requests(named('createTask')))
}

test('generated requests get documented answers', { timeout: 3_600_000 }, async ({ annotate }) => {
  const statuses: Record<string, number> = {}
  let sent = 0
  const counted =
    (api: Call): Call =>
    async (...call) => {
      const response = await api(...call)
      sent += 1
      statuses[response.status] = (statuses[response.status] ?? 0) + 1
      return response
    }
  let failed = false
  const property = fc.asyncProperty(sequences, async (sequence) => {
    // Where one lane has failed, the others need not go on.
    if (failed) return
    const user = await aUser()
    const api = counted(user.api)
    const model = new Model({ ...user, api })
    for (const request of sequence) await take({ ...user, api }, model, request)
  })
  const started = Date.now()
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let run = seed + lane; sent < wanted && !failed; run += LANES) {
      const details = await fc.check(property, { seed: run, numRuns: 5, interruptAfterTimeLimit: 60_000 })
      if (!failed && details.failed) {
        failed = true
        throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance })
      }
    }
  })
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') throw lane.reason
  const figures = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`)
  await annotate(`${sent} requests in ${Date.now() - started} ms, seed ${seed}; ${figures.join(', ')}`)
})

async function take(user: User, model: Model, request: Request): Promise<void> {
  const { operationId } = request
  const { path, method, requestBody, security } = named(operationId)
  const ids = [...model.live.keys(), ...model.dead]
  const id = typeof request.id === 'number' ? `${ids[request.id % ids.length] ?? 1}` : request.id.value
  const query = new URLSearchParams(values(request.query))
  // A trailing slash is the same resource.
  const slash = path !== '/' && request.pick % 4 === 0 ? '/' : ''
  const url = `${path.replace('{id}', encodeURIComponent(id))}${slash}${query.size > 0 ? `?${query}` : ''}`
  const verb = method === 'get' && request.pick % 5 === 0 ? 'HEAD' : method.toUpperCase()
  const headers = values(request.headers)
  let body = request.body.value
  if (operationId === 'bulkDeleteTasks' && request.body.valid) body = withOwn(body ?? '', ids)
  if (requestBody) headers['Content-Type'] = pick(Object.keys(requestBody.content), request)

  const parts = [...Object.values(request.query), ...Object.values(request.headers)]
  const fits = parts.every(({ valid }) => valid) && (typeof request.id === 'number' || request.id.valid)
  switch (request.wrong) {
    case 'method': {
      const others = METHODS.filter((method) => !allowed(path).includes(method))
      return await refused(405, user.api(pick(others, request), url))
    }
    case 'no token':
    case 'unknown token': {
      if (security) break
      const stranger = client(request.wrong === 'no token' ? undefined : aToken())
      return await refused(401, stranger(verb, url, body, headers))
    }
    case 'media type':
      if (!fits) break
      return await refused(415, user.api(verb, url, body, { ...headers, 'Content-Type': 'text/plain' }))
    case 'too large':
      if (!fits) break
      return await refused(413, user.api(verb, url, `"${'x'.repeat(65_536)}"`, headers))
  }

  const etag =
    operationId === 'listTasks' && fits
      ? (await user.api('GET', url)).headers.get('ETag')
      : model.live.get(Number(id))?.etag
  for (const [name, value] of Object.entries(headers)) {
    if (value === 'current') headers[name] = etag ?? '"none"'
  }
  const response = await user.api(verb, url, body, headers)
  const sent: Sent = {
    operationId,
    id: path.includes('{id}') ? Number(id) : Number.NaN,
    query,
    headers,
    body: body ?? '',
  }
  const expected = fits && request.body.valid ? model.status(sent, etag ?? undefined) : 400
  expect(response.status, `${verb} ${url} ${JSON.stringify(headers)} ${body}`).toBe(expected)
  if (response.ok && verb !== 'HEAD') await model.learn(sent, response)
}

async function refused(status: number, answer: Promise<Response>): Promise<void> {
  expect((await answer).status).toBe(status)
}

const values = (parts: Record<string, { value: string }>) =>
  Object.fromEntries(Object.entries(parts).map(([name, { value }]) => [name, value]))

const pick = (choices: string[], { pick }: Request) => choices[pick % choices.length] ?? ''

/** Ids out of the blue are nobody's: every other one becomes one that the user has or had. */
function withOwn(body: string, ids: number[]): string {
  const { task_ids, ...others } = JSON.parse(body) as { task_ids: number[] }
  const some = task_ids.map((id, i) => (i % 2 === 0 ? (ids[id % ids.length] ?? id) : id))
  return JSON.stringify({ ...others, task_ids: some })
}
