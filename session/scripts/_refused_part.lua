-- The part that Twilio refused, and its number: the part `number`, or with '' the one bound to this packed SID.
-- nil when there is none any more (the customer was deleted), or it is another SID's or another address's.
local function refused_part(number, sid, to)
  if number == '' then
    number = bound_to(sid) or ''
  end
  local value = number ~= '' and redis.call('HGET', parts, number)
  local part = value and part_of(value)
  if not part or (sid ~= '' and part.sid and part.sid ~= sid) or (not part.sid and part.to ~= to) then
    return nil
  end
  return part, number
end
