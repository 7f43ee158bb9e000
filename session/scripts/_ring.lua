-- Shared by replay, resend and write.
-- The customer waits: due at once if nobody rings, or when the holder of the claim has gone.
local function wait_for_ring(now)
  if redis.call('EXISTS', claim) == 1 then
    redis.call('ZADD', waiting, 'NX', now, cid)
    return
  end
  redis.call('HSET', rings, cid, 1)
  redis.call('ZADD', waiting, now + tonumber(ring_ms), cid)
end
