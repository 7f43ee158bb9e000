-- A delivery callback: moves a part's delivery forward only, and proves that Twilio accepted it.
-- KEYS claim inbox parts outbox waiting
-- ARGV cid number sid letter rank error_code to retention_ms
--   number  the part, or '' to find it by the SID;  sid  packed
--   rank    how far along the status is, 0 for one that we do not know;  letter  the status, see records.py
-- Returns {OK, ring}: applied; {IGNORED}: older than what is known; {UNKNOWN}: no such part;
--         {FOREIGN}: the part is owed to another address; {DOUBLE}: bound to another SID already
-- Safe to repeat: then it is IGNORED.
if number == '' then
  number = bound_to(sid) or ''
end
local value = number ~= '' and redis.call('HGET', parts, number)
if not value then
  return {'UNKNOWN'}
end
local part = part_of(value)
-- What Twilio took is told by its SID alone.
if not part.sid and part.to ~= to then
  return {'FOREIGN'}
end
if part.sid and part.sid ~= sid then
  return {'DOUBLE'}
end
local now = clock()
local freed = not part.sid
if freed then
  part = accept(part, sid, now)
  redis.call('LREM', outbox, 0, number)
end
local moved = tonumber(rank) > part.rank
if moved then
  part.rank, part.letter = tonumber(rank), letter
  if error_code ~= '' then
    part.error = tonumber(error_code)
  end
end
if not moved and not freed then
  return {'IGNORED'}
end
redis.call('HSET', parts, number, written(part))
if freed then
  compact()
end
keep_alive(retention_ms)
-- The lane is free again: whoever waits on it need not wait for the reconciling look.
local ring = 0
if freed and redis.call('EXISTS', claim) == 0
    and redis.call('LLEN', inbox) + redis.call('LLEN', outbox) > 0 then
  redis.call('ZADD', waiting, now, cid)
  ring = 1
end
return {'OK', ring}
