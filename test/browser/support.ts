import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { neon, neonConfig } from '@neondatabase/serverless'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { expect, inject, vi } from 'vitest'
import type {} from './world.ts'

export const world = inject('world')
neonConfig.fetchEndpoint = world.neon
/** SQL past the API. */
export const sql = neon(world.databaseUrl)

export const desktop = { viewport: { width: 1280, height: 800 } }
export const phone = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
}

/** How long a page may take for what is asked of it: a busy machine has many at once. */
const PATIENT_MS = 60_000

/** A page of this profile. */
export async function pageOf(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENT_MS)
  return page
}

export interface Person {
  name: string
  email: string
  password: string
  token: string
}

/** Signs a fresh user up at the auth server. */
export async function aPerson(): Promise<Person> {
  const account = {
    name: 'Ann',
    email: `${crypto.randomUUID()}@example.com`,
    password: 'correct horse battery staple',
  }
  const response = await fetch(`${world.auth}/api/auth/sign-up/email`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: world.web },
    body: JSON.stringify(account),
  })
  if (!response.ok) throw new Error(`sign-up answered ${response.status}`)
  return { ...account, token: ((await response.json()) as { token: string }).token }
}

/** The API as another device of this person uses it. */
export function elsewhere({ token }: Pick<Person, 'token'>) {
  return async (method: string, path: string, body?: unknown) => {
    const response = await fetch(world.api + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, body: text && JSON.parse(text) }
  }
}

export async function titlesOf(person: Person): Promise<string[]> {
  const { body } = await elsewhere(person)('GET', '/tasks')
  return (body as { title: string }[]).map(({ title }) => title)
}

/** The web app in a fresh profile, with what the page complained of. */
export async function open(
  browser: Browser,
  options: BrowserContextOptions = desktop,
): Promise<{ page: Page; context: BrowserContext; complaints: string[] }> {
  const context = await browser.newContext(options)
  const page = await pageOf(context)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // What the network does is the tests' own doing.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text())
    }
  })
  await page.goto(world.web)
  return { page, context, complaints }
}

export async function signIn(page: Page, { email, password }: Person): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('New task').waitFor()
}

/** The app of a fresh person who is signed in. */
export async function atHome(browser: Browser, options?: BrowserContextOptions) {
  const person = await aPerson()
  const opened = await open(browser, options)
  await signIn(opened.page, person)
  return { ...opened, person }
}

export async function add(page: Page, title: string): Promise<void> {
  await page.getByLabel('New task').fill(title)
  await page.keyboard.press('Enter')
}

/** Where pictures of the web app are put. */
export const pictures = join(import.meta.dirname, '../../dist/web')

export const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true })

/** By its label, as a person does it: not before a dialog that covers it is gone. */
export const show = (page: Page, which: 'All' | 'Open' | 'Done') =>
  page.getByRole('group', { name: 'Show' }).getByText(which, { exact: true }).click()

/** The editor is open, with this title in it. */
export const editing = (page: Page, title: string) =>
  vi.waitFor(async () => expect(await page.getByLabel('Title').inputValue()).toBe(title), PATIENT_MS)

export const row = (page: Page, title: string) => page.getByRole('listitem').filter({ hasText: title })

/** A row that the API has stored: a draft has no box to tick. */
export const stored = (page: Page, title: string) =>
  page.getByRole('checkbox', { name: `Done: ${title}`, exact: true })

const axe = await readFile(
  join(import.meta.dirname, '../../examples/web/node_modules/axe-core/axe.min.js'),
  'utf8',
)
// The rules of WCAG 2.2, A and AA, contrast among them, and axe's own good practice.
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe has against the page as it is: each rule, with the elements that break it and why. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(`${axe};undefined`)
  return await page.evaluate(`axe.run({ runOnly: ${JSON.stringify(RULES)} }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
      id + ' ' + target + ': ' + failureSummary)))`)
}
