import type { Settings } from '../env.ts'
import { hex, hmac } from '../keyed-hash.ts'

/**
 * The opaque session token of the auth server, and what of it may leave this file: its keyed hash.
 *
 * A better-auth token is 32 characters of [a-zA-Z0-9], drawn at random: 32 × log2(62) ≈ 190 bits. Nobody guesses
 * one, so what needs care is where a token could leak from. The database holds only HMAC-SHA256(secret, token):
 * whoever reads `user_sessions` holds neither a token nor, without the secret, a way to make or to test one.
 *
 * No constant-time comparison stands here, because nothing is compared here: the hash is looked up by index, and
 * the timing of that look-up depends on an HMAC that the caller cannot steer without the secret.
 */

/** 16 characters leave room for shorter random ids; 256 bounds what one header can have hashed. */
const TOKEN = /^([A-Za-z0-9_-]{16,256})(?:\.([A-Za-z0-9+/=_.-]+))?$/

/**
 * The token in an `Authorization` header (RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1), in any form that
 * better-auth hands out: `token`, `token.signature`, or the latter percent-encoded once, as in its cookie.
 * The signature is not checked: it proves that the auth server issued the token, and so does the look-up.
 */
export function parseBearer(header: string): string | undefined {
  const credentials = /^bearer +([^ ]+)$/i.exec(header)?.[1]
  if (!credentials) return undefined
  const encoded = credentials.includes('%')
  const [, token, signature] = TOKEN.exec(encoded ? decode(credentials) : credentials) ?? []
  return encoded && !signature ? undefined : token
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** 64 lowercase hex characters a secret: the current one first, then, during a rotation, the previous one. */
export async function tokenHashes(settings: Settings, token: string): Promise<[string, ...string[]]> {
  const { SESSION_HASH_SECRET: current, SESSION_HASH_SECRET_PREVIOUS: previous } = settings
  const hash = async (secret: string) => hex(await hmac(secret, token))
  return previous ? [await hash(current), await hash(previous)] : [await hash(current)]
}
