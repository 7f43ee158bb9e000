-- A delivery callback: moves a part's delivery forward only, and proves that Twilio accepted it.
-- KEYS claim inbox parts outbox sids waiting
-- ARGV cid number sid status rank error_code to retention_ms
--   number  the part, or '' to find it by the SID;  rank  how far along `status` is
-- Returns {OK, ring}: applied; {IGNORED}: older than what is known; {UNKNOWN}: no such part;
--         {FOREIGN}: the part belongs to another address; {DOUBLE}: bound to another SID already
-- Safe to repeat: then it is IGNORED.
if number == '' then
  number = redis.call('HGET', sids, sid) or ''
end
local value = number ~= '' and redis.call('HGET', parts, number)
if not value then
  return {'UNKNOWN'}
end
local part = cjson.decode(value)
if part.to ~= to then
  return {'FOREIGN'}
end
if part.sid and part.sid ~= sid then
  return {'DOUBLE'}
end
local now = clock()
local freed = not part.sid
if freed then
  part.sid, part.state, part.sent_at = sid, 'sent', now
  part.token, part.not_before = nil, 0
  redis.call('HSET', sids, sid, number)
  redis.call('LREM', outbox, 0, number)
end
local moved = tonumber(rank) > (part.rank or 0)
if moved then
  part.rank, part.delivery, part.delivery_at = tonumber(rank), status, now
  if error_code ~= '' then
    part.error = tonumber(error_code)
  end
end
if not moved and not freed then
  return {'IGNORED'}
end
redis.call('HSET', parts, number, cjson.encode(part))
keep_alive(retention_ms)
-- The lane is free again: whoever waits on it need not wait for the reconciling look.
local ring = 0
if freed and redis.call('EXISTS', claim) == 0
    and redis.call('LLEN', inbox) + redis.call('LLEN', outbox) > 0 then
  redis.call('ZADD', waiting, now, cid)
  ring = 1
end
return {'OK', ring}
