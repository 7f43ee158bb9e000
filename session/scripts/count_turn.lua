-- Count a turn that is about to ask the model, unless the customer's limits forbid it.
-- KEYS claim customer pace said
-- ARGV cid token texts asked rate_max day_max retention_ms
--   texts     JSON list of {number, digest, at}: the turn's messages that are nothing but text, oldest first
--   asked     how many messages the model would be asked about, those without text included
--   rate_max, day_max  turns per minute and per day (UTC); 0 is off
-- Returns {GO, counted, looped}: ask; counted is 0 when this turn was counted before; looped are the numbers of
--           messages that say what three others said within ten minutes, and are not answered
--         {LOOP}: all of them are;  {WAIT, ms}: too many turns this minute;  {DAY_OVER}: too many today
--         {LOST}: the claim is not ours any more
-- Safe to repeat: a turn's number is its claim's fence, and a fence is counted once.
local MINUTE, DAY, LOOK_BACK, SAME_MAX = 60000, 86400000, 600000, 3
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
local now, fence = clock(), string.match(token, '^(%d+):')
texts = cjson.decode(texts)
for _, text in ipairs(texts) do
  redis.call('ZADD', said, whole(text.at), text.digest .. ':' .. whole(text.number))
end
local looped = {}
if #texts > 0 then
  redis.call('ZREMRANGEBYSCORE', said, '-inf', whole(texts[1].at - LOOK_BACK))
  redis.call('PEXPIRE', said, LOOK_BACK)
end
for _, text in ipairs(texts) do
  local same, from = 0, '(' .. whole(text.at - LOOK_BACK)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', said, from, whole(text.at))) do
    local digest, number = string.match(member, '^(%x+):(%d+)$')
    if digest == text.digest and tonumber(number) < text.number then
      same = same + 1
    end
  end
  if same >= SAME_MAX then
    looped[#looped + 1] = whole(text.number)
  end
end
if #looped == tonumber(asked) then
  return {'LOOP'}
end

if redis.call('ZSCORE', pace, fence) then
  return {'GO', 0, looped}
end
rate_max, day_max = tonumber(rate_max), tonumber(day_max)
redis.call('ZREMRANGEBYSCORE', pace, '-inf', whole(now - MINUTE))
local count = redis.call('ZCARD', pace)
if rate_max > 0 and count >= rate_max then
  -- The one that must leave the minute before there is room.
  local last = redis.call('ZRANGE', pace, count - rate_max, count - rate_max, 'WITHSCORES')
  return {'WAIT', math.max(1, tonumber(last[2]) + MINUTE - now)}
end
local today = whole(math.floor(now / DAY))
local turns = 0
if redis.call('HGET', customer, 'day') == today then
  turns = tonumber(redis.call('HGET', customer, 'day_turns') or 0)
end
if day_max > 0 and turns >= day_max then
  return {'DAY_OVER'}
end
redis.call('HSET', customer, 'day', today, 'day_turns', whole(turns + 1))
redis.call('ZADD', pace, whole(now), fence)
redis.call('PEXPIRE', pace, MINUTE)
keep_alive(retention_ms)
return {'GO', 1, looped}
