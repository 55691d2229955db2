/** What Redis runs for a lease, and its name. */

/** KEYS[1] counts a window. ARGV: the limit, the units asked for (negative to give back), ms to keep the key. */
export const SCRIPT = `#!lua flags=allow-key-locking
local limit, asked = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = redis.call('INCRBY', KEYS[1], asked)
if used == asked then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
local over = math.min(math.max(used - limit, 0), math.max(asked, 0))
if over > 0 then used = redis.call('DECRBY', KEYS[1], over) end
return {asked - over, used}`

/** Its SHA-1, by which EVALSHA knows it. */
export const SCRIPT_SHA = 'b3bcdea4f53fa352b44af1b922a47ff02cb7b205'
