-- Twilio refused a part because its receiver opted out there: keep that as their opt-out, until they send START.
-- KEYS customer parts
-- ARGV number sid to optout retention_ms
--   number  the part, or '' to find it by the SID;  sid  packed, '' when Twilio refused at once
--   optout  field of the customer's hash that holds the opt-out of this sender
-- Returns {LEARNT}; {KNOWN}: opted out already
--         {IGNORED}: no such part (the customer was deleted), another address's or SID's, or old news
-- Safe to repeat: then it is KNOWN.
local part = refused_part(number, sid, to)
if not part then
  return {'IGNORED'}
end
-- A repeated callback of a delivery that ended long ago must not undo a START sent since.
if part.error == 21610 or part.error == 63014 then
  return {'IGNORED'}
end
local learnt = redis.call('HSETNX', customer, optout, whole(clock())) == 1
keep_alive(retention_ms)
return {learnt and 'LEARNT' or 'KNOWN'}
