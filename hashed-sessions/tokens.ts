/**
 * What is stored for a session token, and what is shown for one that is not ours to show.
 *
 * - Stored: lowercase hex of HMAC-SHA256(secret, token). Tokens carry 190 random bits, so a slow password
 *   hash would add nothing; the key keeps a stolen database useless even if a token generator turns out weak.
 * - Shown: `handle.<session id>.<tag>`. It names a session for /revoke-session and is no credential: every
 *   parser of Bearer tokens cuts at the first dot, and `handle` is too short to be a token. The tag binds it
 *   to the user it was shown to; in anyone else's hands it names nothing.
 */
export interface Secrets {
  /** SESSION_HASH_SECRET, shared with whoever checks sessions. At least 32 characters; undefined is refused at start. */
  secret: string | undefined
  /** SESSION_HASH_SECRET_PREVIOUS, during a rotation: still found, never written. */
  previousSecret?: string | undefined
}

export type Tokens = ReturnType<typeof sessionTokens>

export function sessionTokens(secret: string, previousSecret?: string) {
  const current = hmac(secret)
  const keys = previousSecret === undefined ? [current] : [current, hmac(previousSecret)]

  return {
    rotating: keys.length > 1,
    hash: current,
    hashes: (token: string) => Promise.all(keys.map((key) => key(token))),

    handle: async (id: string, viewer: string) => `handle.${id}.${await current(tagged(id, viewer))}`,
    /** The session a handle names, provided it was made for this viewer. */
    async named(handle: string, viewer: string): Promise<string | undefined> {
      const [prefix, tag] = [handle.slice(0, 'handle.'.length), handle.slice(handle.lastIndexOf('.') + 1)]
      if (prefix !== 'handle.') return
      const id = handle.slice(prefix.length, -tag.length - 1)
      const tags = await Promise.all(keys.map((key) => key(tagged(id, viewer))))
      // Compared as HMACs under the key, so that time tells nothing about how many characters were right.
      const [given, ...expected] = await Promise.all([tag, ...tags].map(current))
      return expected.some((hash) => hash === given) ? id : undefined
    },
  }
}

/** Never the message of a stored hash: a token has neither a colon nor a line break. */
const tagged = (id: string, viewer: string) => `session handle:\n${id}\n${viewer}`

/** HMAC-SHA256 under this secret, in lowercase hex. */
export function hmac(secret: string) {
  const utf8 = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = crypto.subtle.importKey('raw', utf8.encode(secret), algorithm, false, ['sign'])
  return async (message: string) => {
    const digest = new Uint8Array(await crypto.subtle.sign('HMAC', await key, utf8.encode(message)))
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
}
