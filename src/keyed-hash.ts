/** Keyed hashes and their text. Sessions, cursors and addresses use them; it knows of none of these. */

// A CryptoKey holds no I/O, so one import serves every request of the isolate. At most a handful of secrets exist.
const keys = new Map<string, CryptoKey>()
const utf8 = new TextEncoder()

/** HMAC-SHA256 (RFC 2104) of a message under a secret, both as UTF-8: 32 bytes. */
export async function hmac(secret: string, message: string): Promise<Uint8Array> {
  let key = keys.get(secret)
  if (!key) {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' }
    key = await crypto.subtle.importKey('raw', utf8.encode(secret), algorithm, false, ['sign'])
    keys.set(secret, key)
  }
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8.encode(message)))
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Two lowercase digits a byte. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}
