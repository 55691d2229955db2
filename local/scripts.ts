import { readFile } from 'node:fs/promises'
import { COMMANDS } from './commands.ts'
import type { Lua } from './lua.ts'
import { ReplyError, sha1 } from './redis.ts'

const UNAVAILABLE = `ERR Command is not available: '%s'. The local stand-in has ${Object.keys(COMMANDS).join(', ').toUpperCase()}.`

export const unavailable = (name: string) => UNAVAILABLE.replace('%s', name.toUpperCase())

/** What Upstash has over Redis, in Lua around each script: in its first line, so that no other has another number. */
const guard = (await readFile(new URL('lua/guard.lua', import.meta.url), 'latin1'))
  .replaceAll(/\s*\n\s*/g, ' ')
  .replace('SCRIPT ', 'SCRIPT\n')
  .replace('UNAVAILABLE', UNAVAILABLE)
  .replace(
    'COMMANDS',
    Object.entries(COMMANDS)
      .map(([name, [, lastKey]]) => `${name} = ${lastKey}`)
      .join(', '),
  )

export interface Scripts {
  /** Throws a ReplyError where the text is no script. */
  load(script: string): string
  /** The script as Redis is to run it; it returns a count of the commands inside it, then its own reply. */
  get(hash: string): string | undefined
  flush(): void
}

/** Upstash's scripts by their SHA-1. */
export function scriptCache(lua: Lua): Scripts {
  const scripts = new Map<string, string>()
  return {
    load(script) {
      const hash = sha1(script)
      if (!scripts.has(hash)) scripts.set(hash, guarded(script, lua))
      return hash
    },
    get: (hash) => scripts.get(hash.toLowerCase()),
    flush: () => scripts.clear(),
  }
}

function guarded(script: string, lua: Lua): string {
  const shebang = /^#!.*/.exec(script)?.[0] ?? ''
  const body = script.slice(shebang.length)
  const [engine, ...options] = shebang.split(/ +/)
  if (shebang && engine !== '#!lua')
    throw new ReplyError(`ERR Unexpected engine in script shebang: ${engine}`)
  const flags = options.flatMap((option) => {
    if (!option.startsWith('flags=')) throw new ReplyError(`ERR Unknown lua shebang option: ${option}`)
    return option.slice('flags='.length).split(',')
  })
  const unknown = flags.find((flag) => flag !== 'allow-key-locking')
  if (unknown !== undefined) throw new ReplyError(`ERR Unexpected flag in script shebang: ${unknown}`)
  lua.compile(body)
  return guard.replace('LOCKED', `${flags.length > 0}`).replace('SCRIPT', () => body)
}
