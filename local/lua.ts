import { createRequire } from 'node:module'

/** Runs one of Redis's commands; throws a ReplyError. */
export type Call = (name: string, args: string[]) => unknown

/** What Redis answers with, as against a Redis that does not answer. */
export class ReplyError extends Error {}

/**
 * Lua as Redis runs it. ioredis-mock's own makes a machine for every EVAL, 2 ms of it, and hands a script nil inside
 * a list where Redis hands it false.
 */
export function luaMachine(call: Call) {
  // Vite, which loads this file for the tests, has no import.meta.resolve.
  const mock = createRequire(import.meta.url).resolve('ioredis-mock')
  const { lua, lauxlib, lualib, to_luastring: bytes } = createRequire(mock)('fengari')
  const L = lauxlib.luaL_newstate()
  lualib.luaL_openlibs(L)
  const compiled = new Map<string, number>()

  function push(value: unknown) {
    if (Array.isArray(value)) {
      lua.lua_createtable(L, value.length, 0)
      for (const [i, item] of value.entries()) {
        push(item)
        lua.lua_rawseti(L, -2, i + 1)
      }
    } else if (typeof value === 'number') {
      // fengari's integers have 32 bits.
      if ((value | 0) === value) lua.lua_pushinteger(L, value)
      else lua.lua_pushnumber(L, value)
    } else if (value === null) lua.lua_pushboolean(L, false)
    else lua.lua_pushstring(L, bytes(String(value)))
  }

  function pop(): unknown {
    const value = peek()
    lua.lua_pop(L, 1)
    return value
  }

  function peek(): unknown {
    switch (lua.lua_type(L, -1)) {
      case lua.LUA_TNUMBER:
        return Math.trunc(lua.lua_tonumber(L, -1))
      case lua.LUA_TSTRING:
        return lua.lua_tojsstring(L, -1)
      case lua.LUA_TBOOLEAN:
        return lua.lua_toboolean(L, -1) ? 1 : null
      case lua.LUA_TTABLE:
        return list()
      default:
        return null
    }
  }

  function list(): unknown[] {
    const items: unknown[] = []
    for (let i = 1; lua.lua_rawgeti(L, -1, i) !== lua.LUA_TNIL; i++) items.push(pop())
    lua.lua_pop(L, 1)
    return items
  }

  function redisCall() {
    const words = Array.from({ length: lua.lua_gettop(L) }, (_, i) =>
      lua.lua_type(L, i + 1) === lua.LUA_TNUMBER
        ? `${lua.lua_tonumber(L, i + 1)}`
        : lua.lua_tojsstring(L, i + 1),
    )
    const [name = '', ...args] = words
    try {
      push(call(name.toLowerCase(), args))
      return 1
    } catch (error) {
      lua.lua_pushstring(L, bytes((error as Error).message))
      return lua.lua_error(L)
    }
  }

  lua.lua_createtable(L, 0, 1)
  lua.lua_pushcfunction(L, redisCall)
  lua.lua_setfield(L, -2, bytes('call'))
  lua.lua_setglobal(L, bytes('redis'))

  function must(status: number) {
    if (status !== lua.LUA_OK) throw new ReplyError(`ERR ${pop()}`)
  }

  return (source: string, keys: string[], args: string[]): unknown => {
    let script = compiled.get(source)
    if (script === undefined) {
      must(lauxlib.luaL_loadstring(L, bytes(source)))
      script = lauxlib.luaL_ref(L, lua.LUA_REGISTRYINDEX) as number
      compiled.set(source, script)
    }
    push(keys)
    lua.lua_setglobal(L, bytes('KEYS'))
    push(args)
    lua.lua_setglobal(L, bytes('ARGV'))
    lua.lua_rawgeti(L, lua.LUA_REGISTRYINDEX, script)
    must(lua.lua_pcall(L, 0, 1, 0))
    return pop()
  }
}
