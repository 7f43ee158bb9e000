-- A call begins, or is met for the first time: it is kept, and counted once.
-- KEYS customer calls
-- ARGV sid record profile retention_ms
--   record   JSON, see session/calls.py, without a language in the customer's;  profile  JSON list field, value, ...: what we learnt about the customer
-- Returns {NEW or KNOWN, record, facts}: the call as stored, and the customer's hash
-- Safe to repeat: then it is KNOWN. The customer's calls that began more than a day ago go.
local now, call = clock(), call_of(sid)
if call then
  return {'KNOWN', redis.call('HGET', calls, sid), redis.call('HGETALL', customer)}
end
local flat, old = redis.call('HGETALL', calls), {}
for i = 1, #flat, 2 do
  if not string.find(flat[i], ':', 1, true) and cjson.decode(flat[i + 1]).began < now - CALLS_MS then
    old[flat[i]] = true
  end
end
for i = 1, #flat, 2 do
  if old[string.match(flat[i], '^[^:]*')] then
    redis.call('HDEL', calls, flat[i])
  end
end
local first_seen, count, language = unpack(redis.call('HMGET', customer, 'first_seen', 'count:calls', 'language'))
call = cjson.decode(record)
call.began = now
if call.language == '' then
  call.language = language or ''
end
keep_call(sid, call)
local facts = cjson.decode(profile)
for field, value in pairs({last_seen = whole(now), first_seen = first_seen or whole(now),
    ['count:calls'] = whole(tonumber(count or 0) + 1)}) do
  facts[#facts + 1] = field
  facts[#facts + 1] = value
end
redis.call('HSET', customer, unpack(facts))
redis.call('PEXPIRE', customer, retention_ms)
return {'NEW', redis.call('HGET', calls, sid), redis.call('HGETALL', customer)}
