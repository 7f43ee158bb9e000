-- Shared by replay and resend: a failure is resolved once, by one write.
-- The failure, or nil and what to answer at once.
local function open_failure()
  local value = redis.call('HGET', failures, number)
  if not value then
    return nil, {'GONE'}
  end
  local failure = cjson.decode(value)
  if not failure.resolved_at then
    return failure
  end
  if failure.write ~= write then
    return nil, {'ALREADY', failure.resolution, failure.resolved_at}
  end
  return nil, failure.resolution == 'retried' and {'OK'} or {'DONE', failure.resolution}
end

-- Off the list of those that need a person; kept among the resolved, in the order of failing.
local function resolve(failure, resolution, now)
  failure.resolution, failure.resolved_at, failure.write = resolution, now, write
  redis.call('HSET', failures, number, cjson.encode(failure))
  redis.call('ZREM', dead, cid .. ':' .. number)
  redis.call('ZADD', resolved, failure.at, cid .. ':' .. number)
  redis.call('ZREMRANGEBYSCORE', resolved, '-inf', now - tonumber(retention_ms))
  keep_alive(retention_ms)
end

-- The customer waits: due at once if nobody rings, or when the holder of the claim has gone.
local function wait_for_ring(now)
  if redis.call('EXISTS', claim) == 1 then
    redis.call('ZADD', waiting, 'NX', now, cid)
    return
  end
  redis.call('HSET', rings, cid, 1)
  redis.call('ZADD', waiting, now + tonumber(ring_ms), cid)
end
