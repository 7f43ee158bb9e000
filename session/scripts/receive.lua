-- Take in one inbound message: mark its SID, store it, queue it, say who waits. One step.
-- KEYS seen claim customer inbox messages failures waiting rings dead sequence
-- ARGV cid keyword lane optout record quiet_ms ring_ms seen_ms retention_ms profile bury inbox_max
--   keyword   -, stop, start, help: what the whole text means to the opt-out rules
--   optout    field of the customer's hash that holds the opt-out of this sender
--   profile   JSON list field, value, ...: what we learnt about the customer
--   bury      a reason to keep the message as a failure and answer nothing, or ''
-- Returns {NEW, number, ring}: stored; ring is 1 when a doorbell is wanted
--         {DUP, '', ring}: this SID was taken before; nothing else happened
--         {BURIED, number, 0}: stored among the failures
-- Safe to repeat: the second run is a DUP.
local now = clock()

-- One bell per waiting customer. A holder of the claim looks again before it leaves,
-- and if it died the waiting index holds the time its claim ends.
local function ring_wanted(from)
  if redis.call('EXISTS', claim) == 1 then
    redis.call('ZADD', waiting, 'NX', from, cid)
    return 0
  end
  local due = tonumber(redis.call('ZSCORE', waiting, cid) or 0)
  if due > now and redis.call('HEXISTS', rings, cid) == 1 then
    return 0
  end
  if from > now then
    redis.call('ZADD', waiting, from, cid)
    return 0
  end
  redis.call('HINCRBY', rings, cid, 1)
  redis.call('ZADD', waiting, now + ring_ms, cid)
  return 1
end

ring_ms = tonumber(ring_ms)
if redis.call('EXISTS', seen) == 1 then
  local waits = redis.call('ZSCORE', waiting, cid)
  return {'DUP', '', waits and ring_wanted(tonumber(redis.call('HGET', customer, 'quiet_until') or 0)) or 0}
end
redis.call('SET', seen, '1', 'PX', seen_ms)

local number = whole(redis.call('INCR', sequence))
redis.call('HSET', messages, number, whole(now) .. ':' .. record)
local facts = cjson.decode(profile)
for i = 1, #facts, 2 do
  redis.call('HSET', customer, facts[i], facts[i + 1])
end
redis.call('HINCRBY', customer, 'count:' .. string.match(lane, '^[^|]*'), 1)
redis.call('HSETNX', customer, 'first_seen', whole(now))
redis.call('HSET', customer, 'last_seen', whole(now))

-- Opt-outs are recognised here, so that they overtake a turn that is running,
-- and before anything is buried: a STOP counts in a flood too.
if keyword == 'stop' then
  redis.call('HSET', customer, optout, whole(now))
elseif keyword == 'start' and redis.call('HDEL', customer, optout) == 0 then
  keyword = '-'
end

if bury == '' and redis.call('LLEN', inbox) >= tonumber(inbox_max) then
  bury = 'flood'
end
if bury ~= '' then
  redis.call('HSET', failures, number, cjson.encode({v = 1, reason = bury, message = number, at = now}))
  redis.call('ZADD', dead, now, cid .. ':' .. number)
  keep_alive(retention_ms)
  return {'BURIED', number, 0}
end

-- Opt-out words wait for nothing, and leave what waits on other lanes its quiet.
quiet_ms = tonumber(quiet_ms)
local due = now
if keyword == '-' then
  if quiet_ms > 0 then
    local first = tonumber(redis.call('HGET', customer, 'quiet_first') or 0)
    if first == 0 or redis.call('LLEN', inbox) == 0 then
      first = now
      redis.call('HSET', customer, 'quiet_first', whole(now))
    end
    due = math.min(now + quiet_ms, first + 3 * quiet_ms)
  end
  redis.call('HSET', customer, 'quiet_until', whole(due))
end
redis.call('RPUSH', inbox, number .. ' ' .. keyword .. ' ' .. lane)
keep_alive(retention_ms)
return {'NEW', number, ring_wanted(due)}
