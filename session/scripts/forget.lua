-- Forget a customer: every key that carries them, and every place in the indexes.
-- The claim goes too, so that a late commit is LOST and brings nothing back.
-- KEYS claim pace said customer inbox messages attempts placed sessions open history parts outbox turns sids failures waiting rings active deadlines dead resolved erased
-- ARGV cid erased_ms
-- Returns {OK, records removed}. Safe to repeat.
local removed = redis.call('HLEN', messages) + redis.call('HLEN', sessions)
for _, name in ipairs(redis.call('HKEYS', sessions)) do
  redis.call('ZREM', active, cid .. ':' .. name)
  redis.call('ZREM', deadlines, cid .. ':' .. name)
end
for _, name in ipairs(redis.call('HKEYS', failures)) do
  redis.call('ZREM', dead, cid .. ':' .. name)
  redis.call('ZREM', resolved, cid .. ':' .. name)
end
redis.call('ZREM', waiting, cid)
redis.call('HDEL', rings, cid)
redis.call('DEL', claim)
redis.call('DEL', pace)
redis.call('DEL', said)
for _, key in ipairs(customer_keys) do
  redis.call('DEL', key)
end
redis.call('SET', erased, '1', 'PX', erased_ms)
return {'OK', removed}
