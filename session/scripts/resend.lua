-- Resend: a part that failed waits to be sent again, once, and behind it the rest of its reply.
-- KEYS claim customer sessions parts outbox failures waiting rings dead resolved
-- ARGV cid number write optout look ring_ms retention_ms
--   number  the failure's, which is the part's;  write  nonce of this retry;  optout  field that holds the
--   sender's opt-out;  look  1: Twilio may have it, so its list is looked at before anything is sent
-- Returns {OK}: it waits;  {DONE, sent}: Twilio has it after all;  {ALREADY, resolution, ms}
--         {REFUSED, opted_out or overtaken};  {GONE}: forgotten
-- Safe to repeat: the same write is recognised by its nonce.
local failure, answer = open_failure(number, write)
if not failure then
  return answer
end
local value = redis.call('HGET', parts, number)
if not value then
  return {'GONE'}
end
local now, part = clock(), part_of(value)
if part.sid then
  resolve(number, failure, 'sent', write, now)
  keep_alive(retention_ms)
  return {'DONE', 'sent'}
end
if redis.call('HEXISTS', customer, optout) == 1 then
  return {'REFUSED', 'opted_out'}
end
local session = redis.call('HGET', sessions, whole(part.session))
local _, epoch = session_head(session or '0:0::')
if not session or epoch ~= part.epoch then
  return {'REFUSED', 'overtaken'}
end

-- Back in its place: before the parts of later replies.
local before, later, own = {}, nil, whole(part.message)
for _, other in ipairs(redis.call('LRANGE', outbox, 0, -1)) do
  local message = string.match(other, '^%d+')
  before[other] = true
  if not later and tonumber(message) > part.message then
    later = other
  end
end
local index = tonumber(string.match(number, '%d+$'))
local name = number
while value do
  part = part_of(value)
  if name == number or (part.state == 'failed' and part.refused == 'earlier_part_failed') then
    local doubt = look == '1' and name == number and part.attempt > 0
    part.state = doubt and 'unknown' or 'pending'
    part.recorded = part.recorded or part.created
    part.created, part.not_before, part.looks, part.resends, part.backoff = now, 0, 0, 0, 0
    part.refused, part.error, part.token = nil, nil, nil
    redis.call('HSET', parts, name, written(part))
  end
  if part.state == 'pending' or part.state == 'unknown' then
    if before[name] then
      redis.call('LREM', outbox, 0, name)
    end
    if later then
      redis.call('LINSERT', outbox, 'BEFORE', later, name)
    else
      redis.call('RPUSH', outbox, name)
    end
  end
  index = index + 1
  name = own .. '.' .. index
  value = redis.call('HGET', parts, name)
end
resolve(number, failure, 'retried', write, now)
keep_alive(retention_ms)
wait_for_ring(now)
return {'OK'}
