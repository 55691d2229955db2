import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Reply, ReplyError, type Status, sha1 } from './redis.ts'

/** Lua's own C, in WebAssembly: of its API what is used here. A State, a pointer and a reference are numbers. */
interface Wasm {
  HEAPU8: Uint8Array
  HEAPU32: Uint32Array
  _malloc(bytes: number): number
  addFunction(of: (state: number) => number, signature: 'ii'): number
  _luaL_newstate(): number
  _luaL_openlibs(state: number): void
  _luaL_loadbuffer(state: number, text: number, length: number, name: number): number
  _luaL_ref(state: number, table: number): number
  _lua_createtable(state: number, items: number, fields: number): void
  _lua_gettop(state: number): number
  _lua_pcall(state: number, args: number, results: number, handler: number): number
  _lua_pushboolean(state: number, value: number): void
  _lua_pushcclosure(state: number, of: number, upvalues: number): void
  _lua_pushlightuserdata(state: number, pointer: number): void
  _lua_pushlstring(state: number, text: number, length: number): void
  _lua_pushnumber(state: number, value: number): void
  _lua_rawget(state: number, index: number): void
  _lua_rawgeti(state: number, index: number, item: number): void
  _lua_rawset(state: number, index: number): void
  _lua_rawseti(state: number, index: number, item: number): void
  _lua_settop(state: number, index: number): void
  _lua_toboolean(state: number, index: number): number
  _lua_tolstring(state: number, index: number, length: number): number
  _lua_tonumber(state: number, index: number): number
  _lua_type(state: number, index: number): number
}

const REGISTRY = -10_000
const [BOOLEAN, NUMBER, STRING, TABLE] = [1, 3, 4, 5]

export interface Lua {
  /** Throws a ReplyError where the text is no Lua. */
  compile(source: string): number
  run(source: string, keys: string[], args: string[], call: (words: string[]) => Reply | Status): Reply
}

/** Lua 5.1 with what Redis gives a script. Strings hold a byte a character. */
export async function luaMachine(): Promise<Lua> {
  const { Lua } = createRequire(import.meta.url)('wasmoon-lua5.1') as {
    Lua: { create(): Promise<{ luaApi: { module: Wasm } }> }
  }
  const wasm = (await Lua.create()).luaApi.module
  const state = wasm._luaL_newstate()
  const length = wasm._malloc(4)
  const name = wasm._malloc(16)
  wasm.HEAPU8.set(Buffer.from('@user_script\0'), name)
  let room = 1024
  let buffer = wasm._malloc(room)
  let call: (words: string[]) => Reply | Status
  const compiled = new Map<string, number>()

  /** Where a string's bytes are until the next one is written. */
  function write(text: string): number {
    if (text.length >= room) {
      room = text.length * 2
      buffer = wasm._malloc(room)
    }
    for (let i = 0; i < text.length; i++) wasm.HEAPU8[buffer + i] = text.charCodeAt(i)
    wasm.HEAPU8[buffer + text.length] = 0
    return buffer
  }

  function push(value: unknown): void {
    if (typeof value === 'string') wasm._lua_pushlstring(state, write(value), value.length)
    else if (typeof value === 'number') wasm._lua_pushnumber(state, value)
    else if (value === null) wasm._lua_pushboolean(state, 0)
    else if (Array.isArray(value)) {
      wasm._lua_createtable(state, value.length, 0)
      for (const [i, item] of value.entries()) {
        push(item)
        wasm._lua_rawseti(state, -2, i + 1)
      }
    } else {
      wasm._lua_createtable(state, 0, 1)
      field(value instanceof ReplyError ? ['err', value.message] : ['ok', (value as Status).ok])
    }
  }

  function field([name, value]: [string, string]): void {
    push(name)
    push(value)
    wasm._lua_rawset(state, -3)
  }

  /** As JSON has it: null is a value of its own, and what is not there is not there. */
  function pushJson(value: unknown): void {
    if (value === null) wasm._lua_pushlightuserdata(state, 0)
    else if (typeof value === 'boolean') wasm._lua_pushboolean(state, Number(value))
    else if (typeof value === 'object') {
      wasm._lua_createtable(state, 0, 0)
      for (const [name, member] of Object.entries(value)) {
        if (Array.isArray(value)) push(Number(name) + 1)
        else pushJson(name)
        pushJson(member)
        wasm._lua_rawset(state, -3)
      }
    } else push(typeof value === 'string' ? Buffer.from(value).toString('latin1') : value)
  }

  function text(index: number): string {
    const start = wasm._lua_tolstring(state, index, length)
    const bytes = wasm.HEAPU32[length >> 2] as number
    return Buffer.from(wasm.HEAPU8.buffer, start, bytes).toString('latin1')
  }

  function pop<T>(read: () => T): T {
    const value = read()
    wasm._lua_settop(state, -2)
    return value
  }

  /** The value on top as Redis makes a reply of it. */
  function reply(): Reply {
    switch (wasm._lua_type(state, -1)) {
      case NUMBER:
        return integer(wasm._lua_tonumber(state, -1))
      case STRING:
        return text(-1)
      case BOOLEAN:
        return wasm._lua_toboolean(state, -1) ? 1 : null
      case TABLE:
        return table()
      default:
        return null
    }
  }

  function table(): Reply {
    for (const name of ['err', 'ok']) {
      push(name)
      wasm._lua_rawget(state, -2)
      const found = pop(() => (wasm._lua_type(state, -1) === STRING ? text(-1) : undefined))
      if (found !== undefined) return name === 'err' ? new ReplyError(found) : found
    }
    const items: Reply[] = []
    for (let i = 1; ; i++) {
      wasm._lua_rawgeti(state, -1, i)
      if (wasm._lua_type(state, -1) === 0) break
      items.push(pop(reply))
    }
    wasm._lua_settop(state, -2)
    return items
  }

  const native = (of: () => unknown, give = push) => {
    const pointer = wasm.addFunction(() => {
      give(of())
      return 1
    }, 'ii')
    wasm._lua_pushcclosure(state, pointer, 0)
  }

  function callRedis(): Reply | Status {
    const words: string[] = []
    for (let i = 1; i <= wasm._lua_gettop(state); i++) {
      if (wasm._lua_type(state, i) !== STRING) {
        return new ReplyError('ERR Lua redis lib command arguments must be strings or integers')
      }
      words.push(text(i))
    }
    return call(words)
  }

  function load(source: string): void {
    if (wasm._luaL_loadbuffer(state, write(source), source.length, name) !== 0) {
      throw new ReplyError(`ERR Error compiling script (new function): ${pop(() => text(-1))}`)
    }
  }

  function compile(source: string): number {
    let reference = compiled.get(source)
    if (reference === undefined) {
      load(source)
      reference = wasm._luaL_ref(state, REGISTRY)
      compiled.set(source, reference)
    }
    return reference
  }

  wasm._luaL_openlibs(state)
  load(await readFile(new URL('lua/sandbox.lua', import.meta.url), 'latin1'))
  native(callRedis)
  native(() => sha1(text(1)))
  native(() => {
    try {
      return [JSON.parse(Buffer.from(text(1), 'latin1').toString())]
    } catch (error) {
      return (error as Error).message
    }
  }, pushJson)
  wasm._lua_pushlightuserdata(state, 0)
  if (wasm._lua_pcall(state, 4, 1, 0) !== 0) throw new Error(text(-1))
  const enter = wasm._luaL_ref(state, REGISTRY)

  return {
    compile,
    run(source, keys, args, to) {
      const script = compile(source)
      call = to
      wasm._lua_rawgeti(state, REGISTRY, enter)
      wasm._lua_rawgeti(state, REGISTRY, script)
      push(keys)
      push(args)
      const failed = wasm._lua_pcall(state, 3, 1, 0) !== 0
      const result = pop(reply)
      return failed && typeof result === 'string' ? new ReplyError(`ERR ${result}`) : result
    },
  }
}

/** As C casts a double on the machines that Redis runs on. */
const integer = (value: number) => (Math.abs(value) < 2 ** 63 ? Math.trunc(value) : -(2 ** 63))
