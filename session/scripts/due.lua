-- Ring: who waits and is due in this partition. Each ring that nobody answers is
-- repeated later and later: after 5, 10, 20, 40, then every 60 s at the settings' defaults.
-- KEYS waiting rings
-- ARGV limit ring_ms ring_max_ms
-- Returns customer ids. Safe to repeat: a repeat rings once more at most.
local now = clock()
local due = redis.call('ZRANGEBYSCORE', waiting, '-inf', now, 'LIMIT', 0, limit)
for _, cid in ipairs(due) do
  local count = redis.call('HINCRBY', rings, cid, 1)
  local wait = math.min(tonumber(ring_ms) * 2 ^ math.min(count - 1, 20), tonumber(ring_max_ms))
  redis.call('ZADD', waiting, whole(now + wait), cid)
end
return due
