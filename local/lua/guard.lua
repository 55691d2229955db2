local __called, redis = 0, setmetatable({}, { __index = redis })
do
  local plain, declared, last_key = getmetatable(redis).__index, {}, { COMMANDS }
  for _, key in ipairs(KEYS) do declared[key] = true end
  local function refusal(name, ...)
    local last = last_key[string.lower(tostring(name))]
    if not last then return ([[UNAVAILABLE]]):format(string.upper(tostring(name))) end
    for i = 1, select('#', ...) do
      local argument = select(i, ...)
      if type(argument) == 'number' and argument % 1 ~= 0 then
        return 'ERR ' .. argument .. ' is no integer: Redis would write all of its digits and Upstash cut them; use tostring or math.floor'
      end
      if LOCKED and (last == -1 or i == last) and not declared[tostring(argument)] then
        return "ERR Dynamic keys are not allowed in Lua scripts when 'allow-key-locking' flag is set. Key was: " .. tostring(argument)
      end
    end
  end
  for name, raises in pairs { call = true, pcall = false } do
    redis[name] = function(...)
      local refused = refusal(...)
      if refused and raises then error { err = refused } end
      if refused then return { err = refused } end
      __called = __called + 1
      return plain[name](...)
    end
  end
end
local __ok, __reply = pcall(function(...) SCRIPT
end, ...)
if not __ok then
  local text = tostring(__reply)
  __reply = { err = text:find('^%u+ ') and text or 'ERR ' .. text }
end
return { __called, __reply }
