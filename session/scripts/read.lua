-- Read a customer: the facts, and one session with its messages.
-- KEYS customer sessions history parts active
-- ARGV cid which last
--   which  a session number; or '' for the open one last active, else the latest;  last  how many messages, -1 for all
-- Returns {facts, number, value, elements, parts} as _tail.lua gives them; number '' when there is no such session
local facts, number = redis.call('HGETALL', customer), which
if number == '' then
  local opened, latest = {}, ''
  for i = 1, #facts, 2 do
    if string.sub(facts[i], 1, 5) == 'open:' then
      opened[#opened + 1] = facts[i + 1]
    elseif facts[i] == 'last_session' then
      latest = facts[i + 1]
    end
  end
  number = opened[1] or latest
  local newest = -1
  for _, name in ipairs(#opened > 1 and opened or {}) do
    local at = tonumber(redis.call('ZSCORE', active, cid .. ':' .. name) or 0)
    if at > newest then
      number, newest = name, at
    end
  end
end
local value = number ~= '' and redis.call('HGET', sessions, number)
if not value then
  return {facts, '', '', {}, {}}
end
local found = tail(number, tonumber(last), nil)
return {facts, number, value, found[1], found[2]}
