import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { browser } from './browser.ts'
import {
  add,
  aPerson,
  barriers,
  button,
  desktop,
  editing,
  elsewhere,
  open,
  phone,
  pictures,
  show,
  signIn,
  stored,
} from './support.ts'

/** The web app as it looks, to everybody. */

describe.each([
  ['desktop', 'light', desktop],
  ['desktop', 'dark', desktop],
  ['phone', 'light', phone],
  ['phone', 'dark', phone],
] as const)('on a %s in the %s', (device, colorScheme, options) => {
  test('everything fits, and is large enough to hit', async ({ expect }) => {
    const person = await aPerson()
    const call = elsewhere(person)
    const tasks = [
      ['Renew the library books', 'Two of them are on the shelf by the window', false],
      ['Book a table for Friday', null, false],
      ['Send the photos to grandmother', 'The ones from the lake', true],
      ['Find out why the kitchen light flickers when the washing machine is running', null, false],
      ['Return the borrowed ladder', null, true],
      ['Plan the summer holidays', 'Trains rather than planes', false],
    ] as const
    for (const [title, description, completed] of tasks) {
      await call('POST', '/tasks', { title, description, completed })
    }
    const { page, context, complaints } = await open(browser, { ...options, colorScheme })
    await page.screenshot({ path: join(pictures, `${device}-${colorScheme}-sign-in.png`) })
    await signIn(page, person)
    await stored(page, 'Plan the summer holidays').waitFor()
    await page.screenshot({ path: join(pictures, `${device}-${colorScheme}.png`) })
    const { sideways, small } = await page.evaluate(() => ({
      sideways: document.documentElement.scrollWidth > innerWidth,
      small: [...document.querySelectorAll('button, input:not([type=radio], [type=checkbox])')]
        .map((element) => [element.getBoundingClientRect().height, element.outerHTML] as const)
        .filter(([height]) => height > 0 && height < 40),
    }))
    expect([sideways, small]).toEqual([false, []])
    await button(page, /^Book a table/).click()
    await editing(page, 'Book a table for Friday')
    await page.screenshot({ path: join(pictures, `${device}-${colorScheme}-edit.png`) })
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
    expect(complaints).toEqual([])
    await context.close()
  })
  test('nobody is kept out: contrast, names, roles, order', async () => {
    const person = await aPerson()
    const call = elsewhere(person)
    const { body } = await call('POST', '/tasks', { title: 'Book a table', description: 'For Friday' })
    await call('POST', '/tasks', { title: 'Return the ladder', completed: true })
    const { page, context } = await open(browser, { ...options, colorScheme, reducedMotion: 'reduce' })
    const found: Record<string, string[]> = {}
    const look = async (at: string) => {
      const barred = await barriers(page)
      if (barred.length > 0) found[at] = barred
    }
    await button(page, 'Sign in').waitFor()
    await look('sign in')
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByLabel('Password').fill('wrong')
    await button(page, 'Sign in').click()
    await page.getByRole('alert').waitFor()
    await look('a wrong password')
    await button(page, 'Create an account').click()
    await look('sign up')
    await page.getByRole('button', { name: 'Sign in' }).click()

    await signIn(page, person)
    await stored(page, 'Book a table').waitFor()
    await look('the list')
    await button(page, 'Account of Ann').click()
    await look('the menu')
    await page.keyboard.press('Escape')
    await button(page, 'Select').click()
    await look('nothing selected')
    await page.getByRole('checkbox', { name: 'Select Book a table' }).check()
    await look('one selected')
    await button(page, 'Delete 1').click()
    await look('a question')
    await page.keyboard.press('Escape')
    await button(page, 'Cancel').click()

    await button(page, /^Book a table/).click()
    await page.getByLabel('Title').fill('Book a table for Friday')
    await look('the editor')
    await call('PATCH', `/tasks/${body.id}`, { title: 'Book two tables', description: null })
    await button(page, 'Save').click()
    await page.getByText('Somebody else changed this task').waitFor()
    await look('a conflict')
    await button(page, 'Save mine').click()
    await stored(page, 'Book a table for Friday').waitFor()

    await context.setOffline(true)
    await add(page, 'In the tunnel')
    await page.getByText('You are offline.').waitFor()
    await look('offline')
    await context.setOffline(false)
    await stored(page, 'In the tunnel').waitFor()
    await button(page, 'Delete Return the ladder').click()
    await button(page, 'Delete').click()
    await page.getByText('Deleted.').waitFor()
    await show(page, 'Done')
    await page.getByText('Nothing done yet').waitFor()
    await look('nothing to show')
    expect(found).toEqual({})
    await context.close()
  })
})
