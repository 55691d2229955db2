import { expect } from 'vitest'

export type Browser = ReturnType<typeof browser>

/** Keeps the cookies of a better-auth server that is called without a network, and notes each token it was given. */
export function browser(handler: (request: Request) => Promise<Response>, issued: Set<string>) {
  const jar = new Map<string, string>()

  async function call(method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
    const response = await handler(
      new Request(`http://localhost/api/auth${path}`, {
        method,
        headers: {
          Origin: 'http://localhost',
          Cookie: Array.from(jar, ([name, value]) => `${name}=${value}`).join('; '),
          ...(method === 'POST' && { 'Content-Type': 'application/json' }),
          ...more,
        },
        body: method === 'POST' ? JSON.stringify(body ?? {}) : null,
      }),
    )
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === '' || /Max-Age=0/i.test(cookie)) jar.delete(name)
      else jar.set(name, value)
      if (/session_token$/.test(name) && value) issued.add(value.slice(0, value.indexOf('.')))
    }
    const text = await response.text()
    return { status: response.status, body: text ? JSON.parse(text) : null }
  }

  async function ok<Body>(reply: ReturnType<typeof call>): Promise<Body> {
    const { status, body } = await reply
    expect(status, JSON.stringify(body)).toBe(200)
    return body
  }

  return {
    call,
    get: <Body>(path: string) => ok<Body>(call('GET', path)),
    post: <Body>(path: string, body?: object) => ok<Body>(call('POST', path, body)),
    /** Of the session that the browser is in now. */
    token: () => jar.get('better-auth.session_token')?.split('.')[0] ?? '',
  }
}
