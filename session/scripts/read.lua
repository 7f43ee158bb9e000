-- Read a customer: the facts, the open index, and one session with its messages.
-- KEYS customer messages sessions open history parts
-- ARGV which last
--   which  a session number; or '' for the open one last active, else the latest;  last  how many messages, -1 for all
-- Returns {facts, open, number, value, history}; number '' when there is no such session
local opened = redis.call('HGETALL', open)
local number = which
if number == '' then
  -- Of several open sessions the reader wants the one last active; last_session is the one last written to.
  local last = redis.call('HGET', customer, 'last_session')
  number = ''
  for i = 2, #opened, 2 do
    if number == '' or opened[i] == last then
      number = opened[i]
    end
  end
  if number == '' and last then
    number = last
  end
end
local value = number ~= '' and redis.call('HGET', sessions, number) or ''
if not value or value == '' then
  return {redis.call('HGETALL', customer), opened, '', '', {}}
end
return {redis.call('HGETALL', customer), opened, number, value, tail(number, tonumber(last), nil)}
