-- Twilio accepted a part: a fact, taken from anyone, claim or not, any number of times.
-- KEYS parts outbox
-- ARGV number sid listed retention_ms
--   sid     packed;  listed  1: found in Twilio's list, where it may be another part's; 0: Twilio's own answer
-- Returns {OK}; {GONE}: the customer was deleted; {DOUBLE}: the part is bound to another SID already;
--         {TAKEN}: the SID is another part's, so it proves nothing about this one
local value = redis.call('HGET', parts, number)
if not value then
  return {'GONE'}
end
local part = part_of(value)
if part.sid and part.sid ~= sid then
  return {'DOUBLE'}
end
if not part.sid then
  if listed == '1' and bound_to(sid) then
    return {'TAKEN'}
  end
  redis.call('LREM', outbox, 0, number)
  redis.call('HSET', parts, number, written(accept(part, sid, clock())))
  compact()
end
keep_alive(retention_ms)
return {'OK'}
