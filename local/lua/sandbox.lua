-- What a script finds in Redis, and nothing that one script could leave behind for the next.
local call, sha1hex, parse, null = ...
local rawset, pcall = rawset, pcall

local function refuse()
  error('Attempt to modify a readonly table', 2)
end

local protected = {}
local function readonly(table)
  local view = setmetatable({}, { __index = table, __newindex = refuse, __metatable = false })
  protected[view] = true
  return view
end

local redis = { sha1hex = sha1hex }

-- Redis writes a number with all the digits that a double has, in C's words.
function redis.pcall(...)
  local words = { ... }
  for i = 1, select('#', ...) do
    if type(words[i]) == 'number' then words[i] = ('%.17g'):format(words[i]) end
  end
  return call(unpack(words, 1, select('#', ...)))
end

function redis.call(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then error(reply) end
  return reply
end

function redis.error_reply(text)
  if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
  text = text:gsub('^%-', '')
  return { err = text:find(' ') and text or 'ERR ' .. text }
end

function redis.status_reply(text)
  if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
  return { ok = text }
end

local function escaped(character)
  local short = { ['"'] = '\\"', ['\\'] = '\\\\', ['/'] = '\\/', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }
  return short[character] or ('\\u%04x'):format(character:byte())
end

local function encode(value)
  local kind = type(value)
  if kind == 'string' then return '"' .. value:gsub('[%c"\\/\127]', escaped) .. '"' end
  if kind == 'number' then return ('%.14g'):format(value) end
  if kind == 'boolean' then return tostring(value) end
  if value == nil or value == null then return 'null' end
  if kind ~= 'table' then error('Cannot serialise ' .. kind .. ': type not supported', 0) end
  local items, last = {}, 0
  for key in pairs(value) do
    if type(key) ~= 'number' or key < 1 or key % 1 ~= 0 then last = nil break end
    last = math.max(last, key)
  end
  if last and last > 0 then
    for i = 1, last do items[i] = encode(value[i]) end
    return '[' .. table.concat(items, ',') .. ']'
  end
  for key, member in pairs(value) do items[#items + 1] = encode(tostring(key)) .. ':' .. encode(member) end
  return '{' .. table.concat(items, ',') .. '}'
end

local function decode(text)
  local parsed = parse(text)
  if type(parsed) == 'string' then error(parsed, 2) end
  return parsed[1]
end

-- Redis's pcall hands on the text of an error of its own.
local function outcome(ok, result, ...)
  if not ok and type(result) == 'table' and result.err then return ok, result.err end
  return ok, result, ...
end

-- Redis seeds it anew for each script.
math.random, math.randomseed = nil, nil

local library = {
  cjson = readonly { encode = encode, decode = decode, null = null },
  coroutine = readonly(coroutine),
  math = readonly(math),
  redis = readonly(redis),
  string = readonly(string),
  table = readonly(table),
  _G = _G,
  rawset = function(table, key, value)
    if protected[table] then error('Attempt to modify a readonly table', 0) end
    return rawset(table, key, value)
  end,
  pcall = function(...) return outcome(pcall(...)) end,
}
for name in ('_VERSION assert collectgarbage error gcinfo getmetatable ipairs load loadstring next pairs rawequal rawget select setmetatable tonumber tostring type unpack xpcall'):gmatch('%S+') do
  library[name] = _G[name]
end
getmetatable('').__metatable = false
protected[_G] = true
setmetatable(library, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
local global = setmetatable(_G, { __index = library, __newindex = refuse, __metatable = false })
for name in next, global do global[name] = nil end

return function(script, keys, arguments)
  library.KEYS, library.ARGV = keys, arguments
  return script()
end
