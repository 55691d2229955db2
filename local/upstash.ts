import { type Answer, type Call, listen } from './http.ts'
import { ReplyError } from './lua.ts'
import { type Bill, type Command, memory, type Outcome, remote, sha1, toOutcome } from './redis.ts'

/**
 * Upstash's REST, in front of a Redis in this process or, given a redisUrl, of any Redis. Each answer says in
 * Billed-Commands what Upstash would bill for it: every command, and every command inside a script.
 */
export async function startUpstash(options: { port?: number; token: string; redisUrl?: string }) {
  const store = options.redisUrl ? await remote(options.redisUrl) : memory()
  const scripts = new Map<string, string>()
  let billed = 0
  const server = await listen(options.port ?? 0, answer).catch((error) => {
    store.close()
    throw error
  })

  async function answer(call: Call): Promise<Answer> {
    let commands = 0
    const reply = await replyTo(call, (more) => {
      commands += more
    })
    billed += commands
    return { ...reply, headers: { 'Billed-Commands': `${commands}` } }
  }

  async function replyTo({ method, path, headers, body }: Call, bill: Bill): Promise<Answer> {
    if (headers.authorization !== `Bearer ${options.token}`) {
      return { status: 401, body: { error: 'WRONGPASS invalid or missing auth token' } }
    }
    const encode = headers['upstash-encoding'] === 'base64' ? encoded : (outcome: Outcome) => outcome
    try {
      if (path === '/pipeline') {
        const outcomes = await Promise.all(commands(body).map((command) => toOutcome(run(command, bill))))
        return { status: 200, body: outcomes.map(encode) }
      }
      if (path === '/multi-exec') {
        const outcomes = await store.transaction(commands(body).map(plain), bill)
        return { status: 200, body: outcomes.map(encode) }
      }
      const result = await run(
        path === '/' ? command(parse(body)) : inPath(path, method === 'GET' ? '' : body),
        bill,
      )
      return { status: 200, body: encode({ result }) }
    } catch (error) {
      if (error instanceof ReplyError) return { status: 400, body: { error: error.message } }
      throw error
    }
  }

  async function run(command: Command, bill: Bill): Promise<unknown> {
    return store.send(plain(command), bill)
  }

  /** The SDK's hash is that of the whole script; Redis is sent no first line, whose flags are Upstash's own. */
  function plain([name, ...args]: Command): Command {
    const verb = name.toLowerCase()
    if (verb !== 'eval' && verb !== 'evalsha') return [verb, ...args]
    const [script = '', ...rest] = args
    const hash = verb === 'eval' ? sha1(script) : script
    if (verb === 'eval') scripts.set(hash, script.replace(/^#!lua.*\n/, ''))
    const source = scripts.get(hash)
    if (source === undefined) throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.')
    return ['eval', source, ...rest]
  }

  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    /** The commands so far, of all clients, as Upstash bills them. */
    billed: () => billed,
    async close() {
      await server.close()
      store.close()
    },
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new ReplyError('ERR failed to parse the request body')
  }
}

function commands(body: string): Command[] {
  const rows = parse(body)
  if (!Array.isArray(rows)) throw new ReplyError('ERR failed to parse the request body')
  return rows.map(command)
}

function command(words: unknown): Command {
  if (!Array.isArray(words) || words.length === 0) throw new ReplyError('ERR empty command')
  const [name, ...args] = words.map(String)
  return [name ?? '', ...args]
}

function inPath(path: string, body: string): Command {
  const words = path.slice(1).split('/').map(decodeURIComponent)
  return command(body ? [...words, body] : words)
}

function encoded(outcome: Outcome): Outcome {
  if ('error' in outcome || outcome.result === 'OK') return outcome
  return { result: base64(outcome.result) }
}

function base64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(base64)
  return typeof value === 'string' ? Buffer.from(value).toString('base64') : value
}
