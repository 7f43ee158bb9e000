-- Take in one inbound message: mark its SID, store it, queue it, say who waits. One step.
-- KEYS seen claim customer inbox failures waiting rings dead sequence
-- ARGV cid keyword lane optout heard record quiet_ms ring_ms seen_ms retention_ms profile bury inbox_max
--   keyword   -, stop, start, help: what the whole text means to the opt-out rules
--   optout    field of the customer's hash that holds the opt-out of this sender; '' for a word that is out of date
--   heard     field of the customer's hash for when they were last heard on a lane with a window, or ''
--   record    "head:ours:theirs:sid:rest", see session/records.py
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
if not redis.call('SET', seen, '1', 'NX', 'PX', seen_ms) then
  local waits = redis.call('ZSCORE', waiting, cid)
  return {'DUP', '', waits and ring_wanted(tonumber(redis.call('HGET', customer, 'quiet_until') or 0)) or 0}
end

local number = whole(redis.call('INCR', sequence))
local counter = 'count:' .. string.match(lane, '^[^|]*')
local known = redis.call('HMGET', customer, 'address', 'ours', 'first_seen', 'quiet_first', optout, counter)
local theirs, ours, first_seen, first, opted_out, count = unpack(known)
local facts = cjson.decode(profile)
local function learn(field, value)
  facts[#facts + 1] = field
  facts[#facts + 1] = value
end
for i = 1, #facts, 2 do
  theirs = facts[i] == 'address' and facts[i + 1] or theirs
end
learn(counter, whole(tonumber(count or 0) + 1))
learn('last_seen', whole(now))
if heard ~= '' then
  learn(heard, whole(now))
end
if not first_seen then
  learn('first_seen', whole(now))
end

-- Opt-outs are recognised here, so that they overtake a turn that is running,
-- and before anything is buried: a STOP counts in a flood too.
if keyword == 'stop' then
  if optout ~= '' then
    learn(optout, whole(now))
  end
elseif keyword == 'start' then
  if opted_out then
    redis.call('HDEL', customer, optout)
  else
    keyword = '-'
  end
end

local waits = redis.call('LLEN', inbox)
if bury == '' and waits >= tonumber(inbox_max) then
  bury = 'flood'
end
if bury == '' and not ours then
  ours = string.match(lane, '^[^|]*|(.*)$')
  learn('ours', ours)
end
local entry = number .. ' ' .. keyword .. ' ' .. lane .. ' ' .. recorded(record, now, ours, theirs)
if bury ~= '' then
  redis.call('HSET', customer, unpack(facts))
  redis.call('HSET', failures, number,
    cjson.encode({v = 1, reason = bury, message = tonumber(number), at = now, entry = entry}))
  redis.call('ZADD', dead, now, cid .. ':' .. number)
  redis.call('PEXPIRE', customer, retention_ms)
  redis.call('PEXPIRE', failures, retention_ms)
  return {'BURIED', number, 0}
end

-- Opt-out words wait for nothing, and leave what waits on other lanes its quiet.
quiet_ms = tonumber(quiet_ms)
local due = now
if keyword == '-' then
  if quiet_ms > 0 then
    first = tonumber(first or 0)
    if first == 0 or waits == 0 then
      first = now
      learn('quiet_first', whole(now))
    end
    due = math.min(now + quiet_ms, first + 3 * quiet_ms)
  end
  learn('quiet_until', whole(due))
end
redis.call('HSET', customer, unpack(facts))
redis.call('RPUSH', inbox, entry)
redis.call('PEXPIRE', customer, retention_ms)
redis.call('PEXPIRE', inbox, retention_ms)
return {'NEW', number, ring_wanted(due)}
