-- Twilio accepted a part: a fact, taken from anyone, claim or not, any number of times.
-- KEYS parts outbox sids
-- ARGV number sid retention_ms
-- Returns {OK}; {GONE}: the customer was deleted; {DOUBLE}: the part is bound to another SID already;
--         {TAKEN}: the SID is another part's, so it proves nothing about this one
local value = redis.call('HGET', parts, number)
if not value then
  return {'GONE'}
end
local part = cjson.decode(value)
if part.sid and part.sid ~= sid then
  return {'DOUBLE'}
end
if (redis.call('HGET', sids, sid) or number) ~= number then
  return {'TAKEN'}
end
redis.call('HSET', sids, sid, number)
redis.call('LREM', outbox, 0, number)
if not part.sid then
  part.sid, part.state, part.sent_at = sid, 'sent', clock()
  part.token, part.not_before = nil, 0
  redis.call('HSET', parts, number, cjson.encode(part))
end
keep_alive(retention_ms)
return {'OK'}
