import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import openapi from '../../public/openapi.json' with { type: 'json' }
import { browser } from './browser.ts'
import { aPerson, pageOf, phone, world } from './support.ts'

const screenshots = join(import.meta.dirname, '../../dist/docs')
const desktop = { viewport: { width: 1440, height: 900 } }
const operations = Object.entries(openapi.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, { tags, summary }]) => ({
    summary,
    hash: `#tag/${tags[0]?.toLowerCase()}/${method.toUpperCase()}${path}`,
  })),
)

/** The docs page, and what must not happen on it. */
async function open(context: BrowserContext) {
  const page = await pageOf(context)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== world.api && protocol !== 'data:' && protocol !== 'blob:') complaints.push(request.url())
  })
  return { page, complaints }
}

async function load(page: Page): Promise<void> {
  await page.goto(`${world.api}/docs`)
  await page.getByRole('heading', { name: openapi.info.title }).first().waitFor()
}

const goTo = (page: Page, hash: string) =>
  page.evaluate((hash) => {
    location.hash = hash
  }, hash)

const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).first()

// The page is three megabytes of script: one of it for all tests of a device.
describe.each([
  ['desktop', desktop],
  ['phone', phone],
] as const)('the docs page, offline, on a %s', (device, options) => {
  let context: BrowserContext
  let page: Page
  let complaints: string[]
  beforeAll(async () => {
    context = await browser.newContext(options)
    ;({ page, complaints } = await open(context))
  })
  afterAll(() => context?.close())

  describe.each(['light', 'dark'] as const)('in the %s', { concurrent: false }, (colorScheme) => {
    beforeAll(async () => {
      await page.emulateMedia({ colorScheme })
      await load(page)
    })

    test('shows every operation, asks no other origin and has nothing to complain of', async () => {
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}.png`) })
      for (const { summary, hash } of operations) {
        await goTo(page, hash)
        await heading(page, summary).waitFor()
        if (summary === 'Create a task') {
          await page.waitForTimeout(300)
          await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-operation.png`) })
        }
      }
      const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
      expect(fits, 'nothing to scroll to the side').toBe(true)
      const scheme = await page.evaluate(() => document.body.className)
      expect(scheme).toContain(`${colorScheme}-mode`)
      expect(complaints.splice(0)).toEqual([])
    })

    test('shows the members of a body, and of a problem', async () => {
      await goTo(page, '#tag/tasks/PATCH/tasks/{id}')
      const title = heading(page, 'Change a task')
      await title.waitFor()
      const section = page.locator('section').filter({ has: title })
      for (const name of ['title', 'description', 'completed']) {
        await section.getByText(name, { exact: true }).first().waitFor()
      }
      await page.waitForTimeout(300)
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-patch.png`) })
      await section.getByRole('button', { name: /^429/ }).first().click()
      await section.getByText('retry_after', { exact: true }).first().waitFor()
      await section.getByText('retry_after', { exact: true }).first().scrollIntoViewIfNeeded()
      await page.waitForTimeout(300)
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-429.png`) })
      expect(complaints.splice(0)).toEqual([])
    })

    test('calls the API with a token that is pasted', async () => {
      const { token } = await aPerson()
      await page.getByPlaceholder('Token').first().fill(token)
      await goTo(page, '#tag/tasks/POST/tasks')
      await heading(page, 'Create a task').waitFor()
      const section = page.locator('section').filter({ has: heading(page, 'Create a task') })
      await section.getByRole('button', { name: 'Test Request' }).first().click()
      const send = page.getByRole('button', { name: 'Send' }).first()
      const answered = page.waitForResponse((response) => response.request().method() === 'POST')
      await send.click()
      const answer = await answered
      expect(answer.status()).toBe(201)
      const task = (await answer.json()) as { user_id: string }
      await page.getByText(`"${task.user_id}"`).first().waitFor()
      const box = await send.boundingBox()
      expect(box?.x, 'the button is on the screen').toBeGreaterThanOrEqual(0)
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(options.viewport.width)
      await page.waitForTimeout(300)
      await page.screenshot({ path: join(screenshots, `${device}-${colorScheme}-call.png`) })
      await page.keyboard.press('Escape')

      const stored = await fetch(`${world.api}/tasks`, { headers: { Authorization: `Bearer ${token}` } })
      expect(await stored.json()).toMatchObject([{ title: 'Buy milk' }])
      const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
      expect(kept, 'the token is nowhere but on the page').not.toContain(token)
      expect(complaints.splice(0)).toEqual([])
    })
  })
})

describe('as static assets', () => {
  test('the document may be read by any page, and kept for a while', async () => {
    const response = await fetch(`${world.api}/openapi.json`)
    expect(await response.json()).toEqual(openapi)
    const { headers } = response
    expect(headers.get('Content-Type')).toBe('application/json')
    expect(headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(headers.get('Cache-Control')).toBe('public, max-age=300')
    const etag = headers.get('ETag') ?? ''
    const again = await fetch(`${world.api}/openapi.json`, { headers: { 'If-None-Match': etag } })
    expect(again.status).toBe(304)
  })

  test('the page takes scripts, and makes calls, of its own origin only', async () => {
    const { headers } = await fetch(`${world.api}/docs`)
    const policy = headers.get('Content-Security-Policy') ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self';")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy.match(/https?:|\*/)).toBeNull()
  })

  test.each(['/docs', '/openapi.json'])('%s has the headers of the API, and its methods', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { status, headers } = await fetch(world.api + path, { method })
      expect(status).toBe(method === 'POST' ? 405 : 200)
      expect(headers.get('Allow')).toBe('GET, HEAD')
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(headers.get('Referrer-Policy')).toBe('no-referrer')
      expect(headers.get('Strict-Transport-Security')).toContain('max-age=')
    }
  })

  test('the page with a trailing slash leads to the page', async () => {
    const response = await fetch(`${world.api}/docs/`)
    expect([response.status, response.url]).toEqual([200, `${world.api}/docs`])
  })
})
