import type { Context } from 'hono'
import type { AppEnv } from './context.ts'
import { hex, hmac } from './keyed-hash.ts'

/**
 * The network identity of a caller who has not shown a session: `CF-Connecting-IP`, which the platform sets and no
 * client can (X-Forwarded-For is the client's own word). An IPv6 subscriber holds a whole /64 (RFC 6177), so that
 * is the identity; IPv4-mapped addresses (RFC 4291 §2.5.5.2) are the IPv4 address they carry.
 */
export function addressOf(c: Context<AppEnv>): string {
  return normalize(c.req.header('CF-Connecting-IP') ?? '')
}

/** `192.0.2.1`, `2001:db8:0:1::/64`, or `unknown` for anything that is not an address. */
function normalize(text: string): string {
  if (/^[\d.]*\d$/.test(text)) return hostOf(text) === text ? text : 'unknown'
  const host = /^[\da-f:.]+$/i.test(text) ? hostOf(`[${text}]`) : undefined
  if (host === undefined) return 'unknown'
  const [, ...mapped] = /^\[::ffff:([\da-f]+):([\da-f]+)]$/.exec(host) ?? []
  if (mapped.length > 0) return mapped.map(dotted).join('.')
  const [head = [], tail = []] = host.slice(1, -1).split('::').map(groupsOf)
  const zeros = Array(8 - head.length - tail.length).fill('0')
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`
}

/** An address in the one form in which a URL writes it (WHATWG URL §3.5), or undefined where it is none. */
const hostOf = (text: string) => URL.parse(`http://${text}`)?.hostname

const groupsOf = (text: string) => text.split(':').filter((group) => group !== '')

/** Sixteen bits, of hexadecimal digits, as two decimal octets. */
function dotted(group: string): string {
  const bits = parseInt(group, 16)
  return `${bits >> 8}.${bits & 255}`
}

/** The Redis key of an address: keyed, so that the store of the limits holds no plain address. */
export async function addressKey(secret: string, address: string): Promise<string> {
  // No session token has a colon, so this message can never be one.
  return `ip:${hex(await hmac(secret, `address:${address}`)).slice(0, 32)}`
}
