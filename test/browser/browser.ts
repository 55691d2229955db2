import { chromium } from 'playwright-core'
import { afterAll } from 'vitest'

/** Debian's Chromium without a window, which takes a quarter less of the machine, or CHROMIUM=/path/to/one, for the tests of a file. */
export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
  args: [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    // The network is unplugged: no name resolves, and no address but this machine's is one.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
})

afterAll(() => browser.close())
