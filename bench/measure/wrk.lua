-- The requests of one operation, and what came of them as one line of JSON.
local operation = os.getenv("OPERATION")
local first = tonumber(os.getenv("FIRST"))
local last = tonumber(os.getenv("LAST"))
local sent = 0

wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
wrk.headers["Content-Type"] = "application/json"

-- A value that differs from the stored one, so that every patch is a change.
local function title()
  sent = sent + 1
  return string.format('"title":"Write to customer number %d-%d about the order"', os.time(), sent)
end

local calls = {
  get = function() return wrk.format("GET", "/tasks/" .. first) end,
  ["list-50"] = function() return wrk.format("GET", "/tasks?limit=50") end,
  ["list-1000"] = function() return wrk.format("GET", "/tasks?limit=1000") end,
  create = function()
    return wrk.format("POST", "/tasks", nil, "{" .. title() .. ',"description":"Ask for the delivery address."}')
  end,
  patch = function()
    return wrk.format("PATCH", "/tasks/" .. math.random(first, last), nil, "{" .. title() .. "}")
  end,
}

-- Most of a day: reads, some pages, few writes.
function calls.mix()
  local dice = math.random(100)
  if dice <= 60 then return calls.get() end
  if dice <= 85 then return calls["list-50"]() end
  if dice <= 90 then return calls["list-1000"]() end
  if dice <= 95 then return calls.patch() end
  return calls.create()
end

request = calls[operation]

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"p50":%f,"p95":%f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
