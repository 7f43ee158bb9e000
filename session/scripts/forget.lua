-- Forget a customer: every key that carries them, and every place in the indexes.
-- The claim goes too, so that a late commit is LOST and brings nothing back.
-- KEYS claim pace said turns calls media customer inbox attempts placed sessions history parts outbox memory failures waiting rings active closed deadlines dead resolved events erased
-- ARGV cid erased_ms
-- Returns {OK, records removed}. Safe to repeat.
-- What waits and is shown already stands in both lists.
local removed = redis.call('HLEN', sessions) + redis.call('LLEN', history) + redis.call('LLEN', inbox)
  - redis.call('HLEN', placed)
for _, value in ipairs(redis.call('HVALS', failures)) do
  local failure = cjson.decode(value)
  if failure.entry and not failure.session and not failure.resolved_at then
    removed = removed + 1
  end
end
for _, name in ipairs(redis.call('HKEYS', sessions)) do
  redis.call('ZREM', active, cid .. ':' .. name)
  redis.call('ZREM', closed, cid .. ':' .. name)
  redis.call('ZREM', deadlines, cid .. ':' .. name)
end
for _, name in ipairs(redis.call('HKEYS', failures)) do
  redis.call('ZREM', dead, cid .. ':' .. name)
  redis.call('ZREM', resolved, cid .. ':' .. name)
end
for _, entry in ipairs(redis.call('XRANGE', events, '-', '+')) do
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'cid' and entry[2][i + 1] == cid then
      redis.call('XDEL', events, entry[1])
    end
  end
end
redis.call('ZREM', waiting, cid)
redis.call('HDEL', rings, cid)
redis.call('DEL', claim)
redis.call('DEL', pace)
redis.call('DEL', said)
redis.call('DEL', turns)
redis.call('DEL', calls)
redis.call('DEL', media)
for _, key in ipairs(customer_keys) do
  redis.call('DEL', key)
end
redis.call('SET', erased, '1', 'PX', erased_ms)
return {'OK', removed}
