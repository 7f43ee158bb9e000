-- WhatsApp refused a part because the customer's 24 hours were over: the window is known to be closed until they write.
-- KEYS customer history parts failures dead
-- ARGV cid number sid to window retention_ms
--   number  the part, or '' to find it by the SID;  sid  packed, '' when Twilio refused at once
--   window  field of the customer's hash that tells when they were last heard on this lane
-- Returns {LEARNT}: a part that Twilio had taken is a failure for a person now
--         {IGNORED}: no such part (the customer was deleted), another address's or SID's, or old news
-- Safe to repeat: then it is IGNORED.
local WROTE_SINCE_MS = 60000  -- who wrote a moment ago opened it again while WhatsApp was refusing
local part
part, number = refused_part(number, sid, to)
if not part then
  return {'IGNORED'}
end
if part.error == 63016 then
  return {'IGNORED'}
end
local now = clock()
if now - tonumber(redis.call('HGET', customer, window) or 0) > WROTE_SINCE_MS then
  redis.call('HSET', customer, window, '0')
end
part.error = 63016
redis.call('HSET', parts, number, written(part))
if sid ~= '' then
  local failure = {v = 1, reason = 'window_closed', part = number, error = 63016, at = now, session = part.session}
  local message = string.match(number, '^%d+')
  for _, element in ipairs(redis.call('LRANGE', history, -200, -1)) do
    local session, own = string.match(element, '^(%d+):(%d+):')
    failure.session = own == message and tonumber(session) or failure.session
  end
  redis.call('HSET', failures, number, cjson.encode(failure))
  redis.call('ZADD', dead, now, cid .. ':' .. number)
end
keep_alive(retention_ms)
return {'LEARNT'}
