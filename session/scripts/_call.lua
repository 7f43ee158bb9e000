-- Shared by the steps of calls and by commit: one call of a customer, field of its CallSid in the hash of calls, JSON; see
-- session/calls.py. The hash lives for a day from the last that happened in it.
local CALLS_MS = 86400000

local function call_of(call_sid)
  local value = redis.call('HGET', calls, call_sid)
  return value and cjson.decode(value) or nil
end

local function keep_call(call_sid, call)
  redis.call('HSET', calls, call_sid, cjson.encode(call))
  redis.call('PEXPIRE', calls, CALLS_MS)
end
