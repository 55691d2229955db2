import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { browser } from './browser.ts'
import {
  add,
  aPerson,
  atHome,
  button,
  editing,
  elsewhere,
  open,
  phone,
  pictures,
  row,
  show,
  signIn,
  sql,
  stored,
  titlesOf,
  world,
} from './support.ts'

/** The web app as a person uses it, against the API and the auth server, each on an origin of its own. */

/** How many rows of this title there are, once there is one. */
async function count(page: Page, title: string): Promise<number> {
  await row(page, title).first().waitFor()
  return await row(page, title).count()
}

// Its wait is for the end of a minute: the first, so that the others run beside it.
test('a budget that is spent is a wait, and then it goes on by itself', async () => {
  const { page, person, context } = await atHome(browser)
  // A minute that is nearly over has a budget only until the next.
  const left = 60_000 - (Date.now() % 60_000)
  if (left < 10_000) await page.waitForTimeout(left)
  const device = elsewhere(person)
  const posts = await Promise.all(
    Array.from({ length: 31 }, (_, n) => device('POST', '/tasks', { title: `${n}` })),
  )
  expect(posts.some(({ status }) => status === 429)).toBe(true)
  await add(page, 'One too many')
  await page.getByText('That was a lot at once.').waitFor()
  await page.getByText(/in \d+ s/).waitFor()
  await page.screenshot({ path: join(pictures, 'wait.png') })
  await stored(page, 'One too many').waitFor({ timeout: 70_000 })
  expect((await titlesOf(person)).filter((title) => title === 'One too many')).toHaveLength(1)
  await context.close()
})

describe('a person', () => {
  test('signs up, adds, edits, completes, filters, deletes, signs out and in again', async ({ expect }) => {
    const { page, complaints, context } = await open(browser)
    const email = `${crypto.randomUUID()}@example.com`
    await button(page, 'Create an account').click()
    await page.getByLabel('Name').fill('Ann')
    await page.getByLabel('E-mail').fill(email)
    await page.getByLabel('Password').fill('correct horse battery staple')
    await button(page, 'Sign up').click()
    await page.getByText('All clear').waitFor()

    await add(page, 'Buy milk')
    await add(page, 'Water the plants')
    await stored(page, 'Buy milk').check()
    await stored(page, 'Water the plants').waitFor()

    await button(page, 'Water the plants').click()
    const dialog = page.getByRole('dialog')
    await editing(page, 'Water the plants')
    await dialog.getByLabel('Title').fill('Water all the plants')
    await dialog.getByLabel('Description').fill('The fern most of all')
    await button(page, 'Save').click()
    await page.getByText('The fern most of all').waitFor()

    await show(page, 'Done')
    await row(page, 'Buy milk').waitFor()
    await expect.poll(() => row(page, 'Water all').count()).toBe(0)
    await show(page, 'Open')
    await row(page, 'Water all').waitFor()
    await expect.poll(() => row(page, 'Buy milk').count()).toBe(0)
    await show(page, 'All')

    await button(page, 'Delete Buy milk').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Deleted.').waitFor()
    await expect.poll(() => row(page, 'Buy milk').count()).toBe(0)

    await button(page, 'Account of Ann').click()
    await button(page, 'Sign out').click()
    await signIn(page, { name: 'Ann', email, password: 'correct horse battery staple', token: '' })
    await row(page, 'Water all the plants').waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })

  test('is told why a sign-in does not work', async () => {
    const person = await aPerson()
    const { page, context } = await open(browser)
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByLabel('Password').fill('wrong')
    await button(page, 'Sign in').click()
    await page.getByRole('alert').waitFor()
    await context.close()
  })

  test('does all of it by keyboard alone', async ({ expect }) => {
    const { page, person, context } = await atHome(browser)
    const { keyboard } = page
    const focused = () =>
      page.evaluate(
        () => document.activeElement?.getAttribute('aria-label') || document.activeElement?.textContent,
      )
    const tabTo = async (name: string) => {
      for (let presses = 0; (await focused()) !== name; presses += 1) {
        if (presses > 30) throw new Error(`Tab never comes to ${name}`)
        await keyboard.press('Tab')
      }
    }
    expect(await focused()).toBe('New task')
    for (const title of ['Third', 'Second', 'First']) {
      await keyboard.type(title)
      await keyboard.press('Enter')
      await stored(page, title).waitFor()
    }
    await tabTo('Done: First')
    await keyboard.press('ArrowDown')
    expect(await focused()).toBe('Done: Second')
    await keyboard.press('Space')
    await keyboard.press('Tab')
    await keyboard.press('Enter')
    await editing(page, 'Second')
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT')
    await keyboard.press('End')
    await keyboard.type(' to none')
    await keyboard.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect.poll(() => titlesOf(person)).toContain('Second to none')
    expect(await focused(), 'the focus is back where it was').toContain('Second to none')

    await keyboard.press('ArrowUp')
    await keyboard.press('Tab')
    expect(await focused()).toBe('Delete First')
    await keyboard.press('Enter')
    await keyboard.press('Escape')
    expect(await row(page, 'First').count()).toBe(1)
    expect(await focused()).toBe('Delete First')
    await keyboard.press('Enter')
    await tabTo('Delete')
    await keyboard.press('Enter')
    await expect.poll(() => titlesOf(person)).toEqual(['Second to none', 'Third'])
    await page.getByText('Deleted.').waitFor()

    await page.getByRole('radio', { name: 'All' }).focus()
    await keyboard.press('ArrowRight')
    await expect.poll(() => row(page, 'Second').count()).toBe(0)
    await row(page, 'Third').waitFor()

    await button(page, 'Account of Ann').focus()
    await keyboard.press('Enter')
    await tabTo('Sign out everywhere')
    await keyboard.press('Enter')
    await button(page, 'Sign in').waitFor()
    await context.close()
  })

  test('deletes many at once', async ({ expect }) => {
    const { page, person, context } = await atHome(browser)
    for (const title of ['One', 'Two', 'Three', 'Four']) await add(page, title)
    await stored(page, 'Four').waitFor()
    await button(page, 'Select').click()
    await page.getByRole('checkbox', { name: 'Select One' }).check()
    await page.getByRole('checkbox', { name: 'Select Three' }).check()
    await button(page, 'Delete 2').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('2 tasks deleted.').waitFor()
    await expect.poll(() => titlesOf(person)).toEqual(['Four', 'Two'])
    expect(await page.getByRole('listitem').count()).toBe(2)
    await context.close()
  })

  test('scrolls through thousands, each once', async ({ expect }) => {
    const person = await aPerson()
    await sql`insert into tasks (user_id, title) select id, 'Task ' || n
      from users, generate_series(1, 2000) n where email = ${person.email}`
    const { page, context } = await open(browser)
    await signIn(page, person)
    await expect
      .poll(
        async () => {
          await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
          return await page.locator('.row').count()
        },
        { timeout: 100_000, interval: 50 },
      )
      .toBe(2000)
    const titles = await page.locator('.row .title span').allTextContents()
    expect(new Set(titles).size).toBe(2000)
    // Far from the screen, nothing is laid out.
    const skipped = await page.evaluate(() => {
      const first = document.querySelector('.row .title')
      return first?.checkVisibility({ contentVisibilityAuto: true })
    })
    expect(skipped).toBe(false)
    await context.close()
  })
})

describe('when somebody else was faster', () => {
  const meeting = { title: 'Call the dentist', description: 'Ask for Tuesday' }

  async function conflict() {
    const home = await atHome(browser)
    const device = elsewhere(home.person)
    const { body } = await device('POST', '/tasks', meeting)
    await home.page.reload()
    await button(home.page, /^Call the dentist/).click()
    await editing(home.page, meeting.title)
    await home.page.getByLabel('Title').fill('Call the dentist on Monday')
    return { ...home, device, path: `/tasks/${body.id}` }
  }

  test('both versions are shown, and one’s own may be saved', async () => {
    const { page, device, path, context } = await conflict()
    await device('PATCH', path, { title: 'Dentist: done by phone' })
    await button(page, 'Save').click()
    await page.getByText('Somebody else changed this task').waitFor()
    expect((await device('GET', path)).body.title).toBe('Dentist: done by phone')
    await page.screenshot({ path: join(pictures, 'conflict.png') })
    await button(page, 'Save mine').click()
    await stored(page, 'Call the dentist on Monday').waitFor()
    expect((await device('GET', path)).body).toMatchObject({
      ...meeting,
      title: 'Call the dentist on Monday',
    })
    await context.close()
  })

  test('or what was saved may stay', async () => {
    const { page, device, path, context } = await conflict()
    await device('PATCH', path, { title: 'Dentist: done by phone' })
    await button(page, 'Save').click()
    await button(page, 'Leave what was saved').click()
    await stored(page, 'Dentist: done by phone').waitFor()
    expect((await device('GET', path)).body.title).toBe('Dentist: done by phone')
    await context.close()
  })

  test('but left the text as it was, nothing is asked', async () => {
    const { page, device, path, context } = await conflict()
    await device('PATCH', path, { completed: true })
    await button(page, 'Save').click()
    await stored(page, 'Call the dentist on Monday').waitFor()
    const { body } = await device('GET', path)
    expect(body).toMatchObject({ title: 'Call the dentist on Monday', completed: true })
    await context.close()
  })

  test('and deleted the task, it may be added again', async () => {
    const { page, person, device, path, context } = await conflict()
    await device('DELETE', path)
    await button(page, 'Save').click()
    await button(page, 'Add it again with my text').click()
    await stored(page, 'Call the dentist on Monday').waitFor()
    expect(await titlesOf(person)).toEqual(['Call the dentist on Monday'])
    await context.close()
  })
})

describe('a task is added once', () => {
  test('though the network was away', async () => {
    const { page, person, context } = await atHome(browser)
    await add(page, 'Before the tunnel')
    await stored(page, 'Before the tunnel').waitFor()
    await context.setOffline(true)
    await add(page, 'In the tunnel')
    await add(page, 'Deep in the tunnel')
    await page.getByText('You are offline.').waitFor()
    await page.getByText('2 so far').waitFor()
    await page.screenshot({ path: join(pictures, 'offline.png') })
    await context.setOffline(false)
    await stored(page, 'Deep in the tunnel').waitFor({ timeout: 30_000 })
    expect(await titlesOf(person)).toEqual(['Deep in the tunnel', 'In the tunnel', 'Before the tunnel'])
    expect(await count(page, 'tunnel')).toBe(3)
    await context.close()
  })

  test('though its answer was lost on the way', async () => {
    const { page, person, context } = await atHome(browser)
    let posts = 0
    await page.route(`${world.api}/tasks`, async (route) => {
      if (route.request().method() !== 'POST') return await route.continue()
      posts += 1
      const response = await route.fetch()
      await (posts === 1 ? route.abort('connectionreset') : route.fulfill({ response }))
    })
    await add(page, 'Only once')
    await stored(page, 'Only once').waitFor()
    expect(posts).toBe(2)
    expect(await titlesOf(person)).toEqual(['Only once'])
    expect(await count(page, 'Only once')).toBe(1)
    await context.close()
  })

  test('though the page was loaded again before any answer came', async ({ expect }) => {
    const { page, person, context } = await atHome(browser)
    const lose = async (route: Parameters<Parameters<Page['route']>[1]>[0]) => {
      if (route.request().method() === 'POST') await route.fetch()
      await route.abort('connectionreset')
    }
    await page.route(`${world.api}/tasks`, lose)
    await add(page, 'Only once')
    await expect.poll(() => titlesOf(person)).toEqual(['Only once'])
    await page.reload()
    await page.unroute(`${world.api}/tasks`, lose)
    await stored(page, 'Only once').waitFor({ timeout: 30_000 })
    await expect.poll(() => page.locator('.draft').count()).toBe(0)
    expect(await count(page, 'Only once')).toBe(1)
    expect(await titlesOf(person)).toEqual(['Only once'])
    await context.close()
  })
})

describe('sign out everywhere', () => {
  test('ends the session on every other device at once', async ({ expect }) => {
    const { page, person, context } = await atHome(browser)
    const second = await open(browser, phone)
    await signIn(second.page, person)
    await add(second.page, 'Still here')
    await stored(second.page, 'Still here').waitFor()

    await button(page, 'Account of Ann').click()
    await button(page, 'Sign out everywhere').click()
    await button(page, 'Sign in').waitFor()

    await stored(second.page, 'Still here').click()
    await second.page.getByText('Your session has ended.').waitFor()
    await expect.poll(() => second.page.getByText('Still here').count()).toBe(0)
    const { status } = await elsewhere(person)('GET', '/tasks')
    expect(status).toBe(401)
    await second.context.close()
    await context.close()
  })

  test('leaves nothing in the browser for the next person', async () => {
    const { page, person, context } = await atHome(browser)
    await add(page, 'A secret plan')
    await stored(page, 'A secret plan').waitFor()
    await button(page, 'Account of Ann').click()
    await button(page, 'Sign out').click()
    await button(page, 'Sign in').waitFor()
    expect(await page.content()).not.toContain('A secret plan')
    await page.goBack().catch(() => undefined)
    await page.goto(world.web)
    await signIn(page, await aPerson())
    await page.getByText('All clear').waitFor()
    expect(await page.content()).not.toContain('A secret plan')
    const kept = await page.evaluate(
      () => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie,
    )
    expect(kept).not.toContain('A secret plan')
    expect(kept).not.toContain(person.token)
    await context.close()
  })
})
