-- Keep a claim for another while, up to a limit from its start.
-- KEYS claim waiting
-- ARGV cid token claim_ms limit_ms
-- Returns {OK, ms left} or {LOST}. Safe to repeat.
local now = clock()
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
local start = tonumber(string.match(token, ':(%d+)$'))
local left = math.min(tonumber(claim_ms), start + tonumber(limit_ms) - now)
if left <= 0 then
  redis.call('DEL', claim)
  redis.call('ZADD', waiting, now, cid)
  return {'LOST'}
end
redis.call('PEXPIRE', claim, whole(left))
redis.call('ZADD', waiting, whole(now + left), cid)
return {'OK', left}
