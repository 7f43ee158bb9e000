-- Read a customer: the facts, the open index, and one session with its messages.
-- KEYS customer messages sessions open history parts active
-- ARGV cid which last
--   which  a session number; or '' for the open one last active, else the latest;  last  how many messages, -1 for all
-- Returns {facts, open, number, value, history}; number '' when there is no such session
local opened = redis.call('HGETALL', open)
local number = which
if number == '' then
  local latest = -1
  for i = 2, #opened, 2 do
    local at = tonumber(redis.call('ZSCORE', active, cid .. ':' .. opened[i]) or 0)
    if at > latest then
      number, latest = opened[i], at
    end
  end
  if number == '' then
    number = redis.call('HGET', customer, 'last_session') or ''
  end
end
local value = number ~= '' and redis.call('HGET', sessions, number) or ''
if not value or value == '' then
  return {redis.call('HGETALL', customer), opened, '', '', {}}
end
return {redis.call('HGETALL', customer), opened, number, value, tail(number, tonumber(last), nil)}
