-- Let go of a claim; say whether anything waits still.
-- KEYS claim customer inbox attempts outbox pace waiting rings
-- ARGV cid token give_back hold_field hold_ms fault uncount
--   give_back   JSON list of message numbers whose attempt is not to count (an outage, a shutdown)
--   hold_field  "hold:<lane>" and hold_ms: that lane is not asked again before then; or '' and 0
--   fault       the class of the error that ended the turn on that lane, or ''
--   uncount     1: the turn was counted against the customer's limits and came to nothing
-- Returns {EMPTY}, {MORE} or {LOST}. Safe to repeat: then it is LOST, and nothing is given back twice.
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
local now = clock()
redis.call('DEL', claim)
for _, number in ipairs(cjson.decode(give_back)) do
  if redis.call('HINCRBY', attempts, whole(number), -1) <= 0 then
    redis.call('HDEL', attempts, whole(number))
  end
end
if uncount == '1' then
  redis.call('ZREM', pace, string.match(token, '^(%d+):'))
  if redis.call('HINCRBY', customer, 'day_turns', -1) < 0 then
    redis.call('HSET', customer, 'day_turns', '0')
  end
end
if hold_field ~= '' then
  redis.call('HSET', customer, hold_field, whole(now + tonumber(hold_ms)))
  if fault ~= '' then
    redis.call('HSET', customer, 'fault' .. string.sub(hold_field, 5), whole(now) .. ' ' .. fault)
  end
end
redis.call('HDEL', rings, cid)
if redis.call('LLEN', inbox) + redis.call('LLEN', outbox) == 0 then
  redis.call('ZREM', waiting, cid)
  return {'EMPTY'}
end
redis.call('ZADD', waiting, now, cid)
return {'MORE'}
