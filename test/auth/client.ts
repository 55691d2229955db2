import { expect } from 'vitest'

export interface Call {
  bearer?: string
  cookie?: string
  body?: unknown
  origin?: string
  /** Where, if not at the world's own server. */
  url?: string
}

export interface Reply {
  status: number
  headers: Headers
  body: unknown
}

export interface Session {
  id: string
  userId: string
  token: string
}

export type Login = Awaited<ReturnType<ReturnType<typeof authClient>['signIn']>>

/** A frontend of the server at this address, with a note of all tokens that it was given. */
export function authClient(home: string) {
  const issued = new Set<string>()
  const password = 'correct horse battery staple'

  async function call(method: 'GET' | 'POST', path: string, options: Call = {}): Promise<Reply> {
    const { bearer, cookie, body, url = home, origin = 'http://localhost:3000' } = options
    const response = await fetch(`${url}/api/auth${path}`, {
      method,
      headers: {
        Origin: origin,
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
        ...(cookie && { Cookie: cookie }),
        ...(method === 'POST' && { 'Content-Type': 'application/json' }),
      },
      body: method === 'POST' ? JSON.stringify(body ?? {}) : null,
    })
    const signed = response.headers.get('set-auth-token')
    if (signed) issued.add(signed.slice(0, signed.indexOf('.')))
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) }
  }

  async function ok<Body>(reply: Promise<Reply>): Promise<{ headers: Headers; body: Body }> {
    const { status, headers, body } = await reply
    expect(status, JSON.stringify(body)).toBe(200)
    return { headers, body: body as Body }
  }

  /** The three forms in which better-auth hands out one token. */
  async function login(reply: Promise<Reply>) {
    const { headers, body } = await ok<{ token: string; user: { id: string; email: string } }>(reply)
    const signed = headers.get('set-auth-token') ?? ''
    const cookie = headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const encoded = cookie.slice(cookie.indexOf('=') + 1)
    return { token: body.token, signed, encoded, cookie, userId: body.user.id, email: body.user.email }
  }

  return {
    issued,
    password,
    call,
    signUp: (as: Call = {}) => {
      const body = { name: 'Ann', email: `${crypto.randomUUID()}@example.com`, password }
      return login(call('POST', '/sign-up/email', { ...as, body }))
    },
    signIn: (email: string, as: Call & { password?: string } = {}) =>
      login(call('POST', '/sign-in/email', { ...as, body: { email, password: as.password ?? password } })),
    async getSession(as: Call) {
      return (await ok<{ session: Session; user: { id: string } } | null>(call('GET', '/get-session', as)))
        .body
    },
    async listSessions(as: Call) {
      return (await ok<Session[]>(call('GET', '/list-sessions', as))).body
    },
  }
}
