/**
 * The commands that the Worker, @upstash/ratelimit and the tests send: Redis's arity (below zero: at least so many
 * words), and the last word that is a key (-1: every one).
 */
export const COMMANDS = {
  decr: [2, 1],
  decrby: [3, 1],
  del: [-2, -1],
  echo: [2, 0],
  exists: [-2, -1],
  expire: [-3, 1],
  get: [2, 1],
  hdel: [-3, 1],
  hget: [3, 1],
  hgetall: [2, 1],
  hincrby: [4, 1],
  hmget: [-3, 1],
  hset: [-4, 1],
  incr: [2, 1],
  incrby: [3, 1],
  pexpire: [-3, 1],
  pexpireat: [-3, 1],
  ping: [-1, 0],
  pttl: [2, 1],
  scan: [-2, 0],
  set: [-3, 1],
  time: [1, 0],
  ttl: [2, 1],
} as const satisfies Record<string, [arity: number, lastKey: number]>

export type Name = keyof typeof COMMANDS

export const fits = (words: number, arity: number) => (arity < 0 ? words >= -arity : words === arity)
