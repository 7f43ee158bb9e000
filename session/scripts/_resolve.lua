-- Shared by replay, resend and commit: a failure leaves the list of those that need a person, and is kept among the
-- resolved, in the order of failing. `write` is the nonce of whoever resolves it.
local function resolve(number, failure, resolution, write, now)
  failure.resolution, failure.resolved_at, failure.write = resolution, now, write
  redis.call('HSET', failures, number, cjson.encode(failure))
  redis.call('ZREM', dead, cid .. ':' .. number)
  redis.call('ZADD', resolved, failure.at, cid .. ':' .. number)
  redis.call('ZREMRANGEBYSCORE', resolved, '-inf', now - tonumber(retention_ms))
end
