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
export function normalize(text: string): string {
  if (isIPv4(text)) return text
  const groups = parseIPv6(text)
  if (!groups) return 'unknown'
  const [a, b, c, d, e, f, g, h] = groups as [number, number, number, number, number, number, number, number]
  if (!(a || b || c || d || e) && f === 0xffff) return [g >> 8, g & 255, h >> 8, h & 255].join('.')
  return `${[a, b, c, d].map((group) => group.toString(16)).join(':')}::/64`
}

/** Decimal without leading zeros, as inet_pton reads it. */
const isIPv4 = (text: string) => /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)

/** The eight groups of an RFC 4291 §2.2 text form, or undefined. */
function parseIPv6(text: string): number[] | undefined {
  // An embedded IPv4 tail becomes the two groups it stands for.
  const tail = text.slice(text.lastIndexOf(':') + 1)
  if (isIPv4(tail)) {
    const [a, b, c, d] = tail.split('.').map(Number) as [number, number, number, number]
    text = `${text.slice(0, -tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, rest] = halves.map((half) => (half === '' ? [] : half.split(':'))) as [string[], string[]?]
  const missing = 8 - head.length - (rest?.length ?? 0)
  if (rest ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array<string>(missing).fill('0'), ...(rest ?? [])]
  return groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
    ? groups.map((group) => parseInt(group, 16))
    : undefined
}

/** The Redis key of an address: keyed, so that the store of the limits holds no plain address. */
export async function addressKey(secret: string, address: string): Promise<string> {
  // No session token has a colon, so this message can never be one.
  return `ip:${hex(await hmac(secret, `address:${address}`)).slice(0, 32)}`
}
