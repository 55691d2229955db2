import { networkInterfaces } from 'node:os'
import { describe, expect, test } from 'vitest'
import { allowedOrigins, developmentOrigins, startAuth } from '../../local/auth/index.ts'
import { openWorld, secret, sessionHashSecret } from './world.ts'

const { db, database, main, call, signUp, apiStatus, watched, password } = await openWorld()

describe('pages of other origins', () => {
  const preflight = (origin: string, url = main.url) =>
    fetch(`${url}/api/auth/sign-in/email`, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    })

  test.each(developmentOrigins)('%s may call, with credentials, and read the token', async (origin) => {
    const { status, headers } = await preflight(origin)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(origin)
    expect(headers.get('access-control-allow-headers')).toContain('Authorization')
    const reply = await call('GET', '/get-session', { origin })
    expect(reply.headers.get('access-control-allow-origin')).toBe(origin)
    expect(reply.headers.get('access-control-allow-credentials')).toBe('true')
    expect(reply.headers.get('access-control-expose-headers')).toBe('set-auth-token')
    expect(reply.headers.get('vary')).toBe('Origin')
  })

  test.each(['https://evil.example', 'http://localhost:3001', 'http://localhost.evil.example', 'null'])(
    '%s may not',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull()
      const reply = await call('GET', '/get-session', { origin })
      expect(reply.headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  test('those that CORS_ORIGINS adds may call too, and sign in', async () => {
    const origins = allowedOrigins('http://localhost:5173, https://app.example')
    const server = await startAuth({ database, secret, sessionHashSecret, origins })
    try {
      for (const origin of ['http://localhost:5173', 'https://app.example', ...developmentOrigins]) {
        const { headers } = await preflight(origin, server.url)
        expect(headers.get('access-control-allow-origin')).toBe(origin)
        expect(headers.get('access-control-allow-headers')).toContain('sentry-trace')
        const path = `${server.url}/api/auth/sign-in/email`
        const body = JSON.stringify({ email: 'nobody@example.com', password })
        const reply = await fetch(path, {
          method: 'POST',
          headers: { Origin: origin, 'Content-Type': 'application/json' },
          body,
        })
        // 403 would be better-auth's own look at the origin.
        expect(reply.status).toBe(401)
      }
      const { headers } = await preflight('http://localhost:5174', server.url)
      expect(headers.get('access-control-allow-origin')).toBeNull()
    } finally {
      await server.close()
    }
  })

  test('a form on one of them cannot ride on the cookie', async () => {
    const ann = await signUp()
    const reply = await call('POST', '/sign-out', { cookie: ann.cookie, origin: 'https://evil.example' })
    expect(reply.status).toBe(403)
    expect(await apiStatus(ann.token)).toBe(200)
  })

  test('an error carries the headers too', async () => {
    const origin = 'http://localhost:3000'
    const reply = await call('POST', '/sign-in/email', { origin, body: { email: 'x', password: 'y' } })
    expect(reply.status).toBe(400)
    expect(reply.headers.get('access-control-allow-origin')).toBe(origin)
  })
})

describe('the process', () => {
  const addresses = Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  )

  test.skipIf(addresses.length === 0)('listens on 127.0.0.1 only', async () => {
    for (const address of addresses) {
      await expect(fetch(`http://${address}:${main.port}/api/auth/ok`)).rejects.toThrow()
      watched.hosts.delete(address)
    }
  })

  test('says which port is taken', async () => {
    const options = { database, secret, sessionHashSecret, port: main.port }
    await expect(startAuth(options)).rejects.toMatchObject({ code: 'EADDRINUSE', port: main.port })
  })

  test('does not start with a short secret, nor stay on the port', async () => {
    const options = { database, secret, sessionHashSecret: 'short' }
    await expect(startAuth(options)).rejects.toThrow('shorter than 32 characters')
  })

  test('a failure is a plain 500, and a line in the log that names nothing', async () => {
    const ann = await signUp()
    const before = watched.lines.length
    await db.exec('alter table user_sessions rename to away')
    const reply = await call('POST', '/sign-in/email', { body: { email: ann.email, password } })
    await db.exec('alter table away rename to user_sessions')
    expect(reply).toMatchObject({ status: 500, body: { code: 'INTERNAL_SERVER_ERROR' } })
    expect(JSON.stringify(reply.body)).not.toContain('user_sessions')
    expect(watched.lines.slice(before)).toEqual(['auth: relation "user_sessions" does not exist'])
  })
})

test('what the API does meanwhile is no part of a sign-up, nor lost with one that fails', async () => {
  await db.exec('create table written (n int)')
  const taken = (await signUp()).email
  const body = { name: 'Ann', email: taken, password }
  const work = Array.from({ length: 20 }, async (_, n) => {
    const { status } = await call('POST', '/sign-up/email', {
      body: { ...body, ...(n % 2 && { email: `${n}${taken}` }) },
    })
    expect(status).toBe(n % 2 ? 200 : 422)
    await db.query('insert into written values ($1)', [n])
  })
  const writes = Array.from({ length: 200 }, async (_, n) => {
    await new Promise((resolve) => setTimeout(resolve, n * 5))
    await db.query('insert into written values ($1)', [n])
  })
  await Promise.all([...work, ...writes])
  expect((await db.query('select count(*)::int as n from written')).rows).toEqual([{ n: 220 }])
})
