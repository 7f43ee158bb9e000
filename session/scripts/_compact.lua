-- Shared by sent and status.
local LISTPACK_MAX = 128  -- Redis' own bound for a small hash

-- A hash that held a long value takes much memory until it is written anew: done when no part is owed any more.
local function compact()
  if redis.call('LLEN', outbox) > 0 or redis.call('HLEN', parts) > LISTPACK_MAX then
    return
  end
  local flat = redis.call('HGETALL', parts)
  for i = 2, #flat, 2 do
    if #flat[i] > 64 then
      return
    end
  end
  redis.call('DEL', parts)
  redis.call('HSET', parts, unpack(flat))
end
