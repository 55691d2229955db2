import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { browser } from './browser.ts'
import { aPerson, elsewhere, pageOf, sql, world } from './support.ts'

/** What a browser lets a script do with the API from the web app's origin, and from others. */

interface Call {
  path: string
  token?: string | undefined
  method?: string
  headers?: Record<string, string>
  body?: string
  cache?: RequestCache
  credentials?: RequestCredentials
}

/** What a script on the page gets to see of an answer; undefined where the browser blocks it. */
function call(page: Page, { path, token, headers, ...init }: Call) {
  const authorized = { ...headers, ...(token && { Authorization: `Bearer ${token}` }) }
  return page.evaluate(
    async ([url, options]) => {
      try {
        const response = await fetch(url, options)
        return {
          status: response.status,
          headers: Object.fromEntries(response.headers) as Record<string, string>,
          text: await response.text(),
        }
      } catch {
        return undefined
      }
    },
    [world.api + path, { headers: authorized, ...init }] as const,
  )
}

/** A page of this origin, with what went over its wire. */
async function pageAt(origin: string) {
  const context: BrowserContext = await browser.newContext()
  const page = await pageOf(context)
  await page.goto(`${origin}/icon.svg`)
  const wire: { method: string; url: string }[] = []
  const statuses: number[] = []
  const devtools: CDPSession = await context.newCDPSession(page)
  await devtools.send('Network.enable')
  devtools.on('Network.requestWillBeSent', ({ request: { method, url } }) => {
    wire.push({ method, url })
  })
  devtools.on('Network.responseReceivedExtraInfo', ({ statusCode }) => statuses.push(statusCode))
  return { page, wire, statuses, close: () => context.close() }
}

const json = { 'Content-Type': 'application/json' }

describe('a script on the page', () => {
  test('reads every header that the API exposes', async ({ expect }) => {
    const person = await aPerson()
    await sql`insert into tasks (user_id, title) select id, 'Task ' || n
      from users, generate_series(1, 2) n where email = ${person.email}`
    const { page, close } = await pageAt(world.web)
    const { token } = person
    // Of the budget an answer tells what Redis said, which a busy machine may hear too late for a while.
    await expect
      .poll(async () => Object.keys((await call(page, { path: '/tasks?limit=1', token }))?.headers ?? {}))
      .toEqual(
        expect.arrayContaining([
          ...['content-type', 'etag', 'link', 'x-next-cursor', 'x-request-id'],
          ...[
            'ratelimit-policy',
            'x-ratelimit-limit',
            'ratelimit',
            'x-ratelimit-remaining',
            'x-ratelimit-reset',
          ],
        ]),
      )
    const post = {
      path: '/tasks',
      token,
      method: 'POST',
      headers: { ...json, 'Idempotency-Key': crypto.randomUUID() },
      body: '{"title":"Buy milk"}',
    }
    const created = await call(page, post)
    expect([created?.status, created?.headers.location]).toEqual([
      201,
      `/tasks/${JSON.parse(created?.text ?? '').id}`,
    ])
    expect((await call(page, post))?.headers['idempotency-replayed']).toBe('true')
    await close()
  })

  test('reads problems too: without a session, of no route, of a task that is not there', async () => {
    const { token } = await aPerson()
    const { page, close } = await pageAt(world.web)
    const answers = [
      await call(page, { path: '/tasks' }),
      await call(page, { path: '/tasks', token: 'x'.repeat(32) }),
      await call(page, { path: '/nowhere', token }),
      await call(page, { path: '/tasks/9007199254740991', token }),
      await call(page, { path: '/tasks', token, method: 'POST', headers: json, body: '{' }),
    ]
    expect(answers.map((answer) => answer?.status)).toEqual([401, 401, 404, 404, 400])
    for (const answer of answers) {
      expect(answer?.headers['content-type']).toBe('application/problem+json')
      expect(JSON.parse(answer?.text ?? '').request_id).toBe(answer?.headers['x-request-id'])
    }
    await close()
  })

  test('reads how long to wait', async () => {
    const person = await aPerson()
    const device = elsewhere(person)
    await Promise.all(Array.from({ length: 110 }, () => device('GET', '/tasks?limit=1')))
    const { page, close } = await pageAt(world.web)
    // A new minute may have begun in between, with a budget of its own.
    const answers = await Promise.all(
      Array.from({ length: 110 }, () => call(page, { path: '/tasks?limit=1', token: person.token })),
    )
    const refused = answers.find((answer) => answer?.status === 429)
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused?.headers['retry-after'])).toBeLessThanOrEqual(60)
    await close()
  })

  test('may send conditions, keys, ids and traces with every method', async () => {
    const { token } = await aPerson()
    const { page, close } = await pageAt(world.web)
    const traced = {
      'X-Request-Id': 'from-a-page',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      baggage: 'a=b',
      'sentry-trace': '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1',
    }
    const post = await call(page, {
      path: '/tasks',
      token,
      method: 'POST',
      headers: { ...json, ...traced, 'Idempotency-Key': 'a' },
      body: '{"title":"Buy milk"}',
    })
    expect(post?.headers['x-request-id']).toBe('from-a-page')
    const path = post?.headers.location ?? ''
    const etag = post?.headers.etag ?? ''
    const patch = await call(page, {
      path,
      token,
      method: 'PATCH',
      headers: { ...json, 'If-Match': etag },
      body: '{"completed":true}',
    })
    expect(patch?.status).toBe(200)
    const stale = await call(page, { path, token, method: 'DELETE', headers: { 'If-Match': etag } })
    expect(stale?.status).toBe(412)
    const put = await call(page, { path, token, method: 'PUT', headers: json, body: '{"title":"Buy bread"}' })
    expect(put?.status).toBe(200)
    expect((await call(page, { path, token, method: 'DELETE' }))?.status).toBe(204)
    await close()
  })

  test('asks for leave once for each address and kind of request, and not again while the leave is kept', async () => {
    const { token } = await aPerson()
    const { page, wire, close } = await pageAt(world.web)
    for (let times = 0; times < 3; times += 1) await call(page, { path: '/tasks?limit=1', token })
    await call(page, { path: '/tasks?limit=2', token })
    await call(page, { path: '/health' })
    const preflights = wire.filter(({ method }) => method === 'OPTIONS')
    expect(preflights.map(({ method, url }) => [method, url])).toEqual([
      ['OPTIONS', `${world.api}/tasks?limit=1`],
      ['OPTIONS', `${world.api}/tasks?limit=2`],
    ])
    await close()
  })
})

describe('is blocked', () => {
  const attempts = (token: string): Call[] => [
    { path: '/tasks', token },
    { path: '/tasks', token, credentials: 'include' },
    { path: '/tasks', token, method: 'POST', headers: json, body: '{"title":"Mine"}' },
    // No preflight is asked for these: they are sent, and their answers kept from the script.
    { path: '/health' },
    { path: '/tasks', credentials: 'include' },
  ]

  test('a page of another origin', async () => {
    const person = await aPerson()
    // The same server by its other name.
    const { page, close } = await pageAt(world.web.replace('localhost', '127.0.0.1'))
    for (const attempt of attempts(person.token)) expect(await call(page, attempt)).toBeUndefined()
    expect((await elsewhere(person)('GET', '/tasks')).body).toEqual([])
    await close()
  })

  test('a sandboxed frame, whose origin is null', async () => {
    const person = await aPerson()
    const { page, close } = await pageAt(world.web)
    await page.goto(world.web)
    await page.evaluate(async () => {
      const frame = document.createElement('iframe')
      frame.sandbox.add('allow-scripts')
      frame.srcdoc = '<p>sandboxed</p>'
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve))
      document.body.append(frame)
      await loaded
    })
    const frame = page.frames().find((one) => one !== page.mainFrame())
    expect(await frame?.evaluate(() => origin)).toBe('null')
    for (const { path, token, headers, ...init } of attempts(person.token)) {
      const options = { ...init, headers: { ...headers, ...(token && { Authorization: `Bearer ${token}` }) } }
      const seen = await frame?.evaluate(
        ([url, options]) =>
          fetch(url, options).then(
            ({ status }) => status,
            () => 'blocked',
          ),
        [world.api + path, options] as const,
      )
      expect(seen).toBe('blocked')
    }
    expect((await elsewhere(person)('GET', '/tasks')).body).toEqual([])
    await close()
  })
})

describe('the browser’s own cache', () => {
  test('saves the body: 304 on the wire is 200 to the script', async ({ expect }) => {
    const person = await aPerson()
    await elsewhere(person)('POST', '/tasks', { title: 'Buy milk' })
    const { page, statuses, close } = await pageAt(world.web)
    const first = await call(page, { path: '/tasks', token: person.token })
    const again = await call(page, { path: '/tasks', token: person.token })
    expect([first?.status, again?.status, again?.text]).toEqual([200, 200, first?.text])
    await expect.poll(() => statuses.filter((status) => status !== 204)).toEqual([200, 304])
    await elsewhere(person)('POST', '/tasks', { title: 'Buy bread' })
    const changed = await call(page, { path: '/tasks', token: person.token })
    expect(JSON.parse(changed?.text ?? '')).toHaveLength(2)
    await close()
  })

  test('shows one user’s list to no other, and to nobody once the session is over', async () => {
    const [ann, ben] = [await aPerson(), await aPerson()]
    await elsewhere(ann)('POST', '/tasks', { title: 'A secret plan' })
    const { page, close } = await pageAt(world.web)
    const own = await call(page, { path: '/tasks', token: ann.token })
    expect(own?.text).toContain('A secret plan')
    const { text } = (await call(page, { path: '/tasks', token: ben.token })) ?? {}
    expect(text).toBe('[]')

    expect((await call(page, { path: '/tasks', token: ann.token }))?.text).toContain('A secret plan')
    const out = await fetch(`${world.auth}/api/auth/sign-out`, {
      method: 'POST',
      headers: { ...json, Authorization: `Bearer ${ann.token}`, Origin: world.web },
      body: '{}',
    })
    expect(out.status).toBe(200)
    const after = await call(page, { path: '/tasks', token: ann.token })
    expect(after?.status).toBe(401)
    expect(after?.text).not.toContain('A secret plan')
    await close()
  })
})
