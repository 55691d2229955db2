import { COMMANDS, fits, type Name } from './commands.ts'
import { type Answer, type Call, listen, MAX_BODY_BYTES } from './http.ts'
import { luaMachine } from './lua.ts'
import { type Command, type Reply, ReplyError, remote } from './redis.ts'
import { memory } from './redis-memory.ts'
import { scriptCache, unavailable } from './scripts.ts'

/** Of a connection, and REST has none: "Only PING and ECHO are supported". */
const CONNECTION =
  /^(auth|client|discard|exec|hello|monitor|multi|p?(un)?subscribe|quit|reset|select|unwatch|watch)$/
const SCRIPTING: Record<string, number> = { eval: -3, evalsha: -3, script: -2 }

type Bill = (commands: number) => void
type Outcome = { result: unknown } | { error: string }
/** What Redis is to be sent, or what is answered without it. */
type Step = { command: Command } | { reply: Reply }

/**
 * Upstash's REST, in front of a Redis in this process or, given a redisUrl, of any Redis. Each answer says in
 * Billed-Commands what Upstash would bill for it: every command, and every command inside a script.
 */
export async function startUpstash(options: { port?: number; token: string; redisUrl?: string }) {
  const lua = await luaMachine()
  const scripts = scriptCache(lua)
  const redis = options.redisUrl ? await remote(options.redisUrl) : memory(lua)
  let billed = 0
  const server = await listen(options.port ?? 0, answer).catch((error) => {
    redis.close()
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

  async function replyTo({ method, path: target, headers, body, bytes }: Call, bill: Bill): Promise<Answer> {
    const { pathname, searchParams: query } = new URL(target, 'http://localhost')
    if (!['HEAD', 'GET', 'POST', 'PUT'].includes(method)) return refused(405, 'ERR method not allowed')
    const token = query.get('_token') ?? headers.authorization?.replace(/^Bearer /, '')
    query.delete('_token')
    if (token !== options.token) return refused(401, 'WRONGPASS invalid or missing auth token')
    if (bytes > MAX_BODY_BYTES) return refused(400, 'ERR max request size exceeded')
    if ((headers['upstash-response-format'] ?? 'json') !== 'json') {
      return refused(400, 'ERR the local stand-in answers in JSON')
    }
    const encode = headers['upstash-encoding'] === 'base64' ? base64 : utf8
    try {
      if (pathname === '/pipeline') {
        const outcomes: Outcome[] = []
        for (const command of commands(body)) outcomes.push(outcome(await run(command, bill), encode))
        return { status: 200, body: outcomes }
      }
      if (pathname === '/multi-exec') {
        const replies = await transaction(commands(body), bill)
        return { status: 200, body: replies.map((reply) => outcome(reply, encode)) }
      }
      const reply = await run(
        pathname === '/' ? command(parse(body)) : inPath(pathname, method, body, query),
        bill,
      )
      return { status: reply instanceof ReplyError ? 400 : 200, body: outcome(reply, encode) }
    } catch (error) {
      if (error instanceof ReplyError) return refused(400, error.message)
      throw error
    }
  }

  async function run(command: Command, bill: Bill): Promise<Reply> {
    bill(1)
    try {
      const step = prepare(command)
      return 'reply' in step ? step.reply : settle(step.command, await redis.send(step.command), bill)
    } catch (error) {
      if (error instanceof ReplyError) return error
      throw error
    }
  }

  /** One command that cannot be, and none is sent. MULTI and EXEC are billed too. */
  async function transaction(commands: Command[], bill: Bill): Promise<Reply[]> {
    const steps = commands.map(prepare)
    bill(commands.length + 2)
    const sent = steps.flatMap((step) => ('command' in step ? [step.command] : []))
    const replies = (await redis.transaction(sent)).map((reply, i) => settle(sent[i] as Command, reply, bill))
    return steps.map((step) => ('reply' in step ? step.reply : (replies.shift() ?? null)))
  }

  function prepare([word, ...args]: Command): Step {
    const name = word.toLowerCase()
    if (CONNECTION.test(name)) {
      const refusal = `ERR Command "${word.toUpperCase()}" is not allowed in REST or it has a special context path`
      throw new ReplyError(refusal)
    }
    const arity = SCRIPTING[name] ?? (Object.hasOwn(COMMANDS, name) ? COMMANDS[name as Name][0] : undefined)
    if (arity === undefined) throw new ReplyError(unavailable(word))
    if (!fits(args.length + 1, arity)) {
      throw new ReplyError(`ERR wrong number of arguments for '${name}' command`)
    }
    if (!SCRIPTING[name]) return { command: [name, ...args] }
    const [script = '', ...rest] = args
    if (name === 'script') return { reply: aboutScripts(script.toLowerCase(), rest) }
    const source = scripts.get(name === 'eval' ? scripts.load(script) : script)
    if (source === undefined) {
      return { reply: new ReplyError('NOSCRIPT No matching script. Please use EVAL.') }
    }
    return { command: ['eval', source, ...rest] }
  }

  function aboutScripts(subcommand: string, args: string[]): Reply {
    const [script = ''] = args
    if (subcommand === 'load' && args.length === 1) return scripts.load(script)
    if (subcommand === 'exists' && args.length > 0) return args.map((hash) => (scripts.get(hash) ? 1 : 0))
    if (subcommand === 'flush' && (args.length === 0 || /^a?sync$/i.test(args.join(' ')))) {
      scripts.flush()
      return 'OK'
    }
    throw new ReplyError(
      `ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try SCRIPT HELP.`,
    )
  }

  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    /** The commands so far, of all clients, as Upstash bills them. */
    billed: () => billed,
    async close() {
      await server.close()
      redis.close()
    },
  }
}

/** A guarded script says how many commands it called. */
function settle([name]: Command, reply: Reply, bill: Bill): Reply {
  if (name !== 'eval' || !Array.isArray(reply)) return reply
  const [called, own = null] = reply as [number, Reply?]
  bill(called)
  return own
}

const refused = (status: number, error: string): Answer => ({ status, body: { error } })

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
  const [name = '', ...args] = words.map((word) => Buffer.from(String(word)).toString('latin1'))
  return [name, ...args]
}

/** `/set/key/value/EX/100`, or the value as the body and what follows it as the query. */
function inPath(pathname: string, method: string, body: string, query: URLSearchParams): Command {
  const value = body && method !== 'GET' ? [body] : []
  const after = [...query].flatMap(([name, option]) => (option ? [name, option] : [name]))
  return command([...pathname.slice(1).split('/').map(decodeURIComponent), ...value, ...after])
}

function outcome(reply: Reply, encode: (text: string) => string): Outcome {
  if (reply instanceof ReplyError) return { error: utf8(reply.message) }
  return { result: reply === 'OK' ? reply : encoded(reply, encode) }
}

function encoded(reply: Reply, encode: (text: string) => string): unknown {
  if (Array.isArray(reply)) return reply.map((item) => encoded(item, encode))
  if (reply instanceof ReplyError) return encode(reply.message)
  return typeof reply === 'string' ? encode(reply) : reply
}

const utf8 = (bytes: string) => Buffer.from(bytes, 'latin1').toString()
const base64 = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64')
