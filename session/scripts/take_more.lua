-- Take into a turn that runs already what came in on its lane since.
-- KEYS claim customer inbox attempts
-- ARGV cid token lane after take retention_ms
--   after  the newest message number that the turn knows;  take  how many more it may take
-- Returns {OK, facts, messages}: the customer's hash as it is now, and {entry, attempt, placed} as claim.lua
--           gives them, oldest first;  {LOST}: the claim is not ours any more
-- Only these messages' attempts are counted. Safe to repeat: they came in during this claim, so their count is one.
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
local taken = {}
for _, entry in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
  local number, on = string.match(entry, '^(%d+) %S+ (%S+) ')
  if on == lane and tonumber(number) > tonumber(after) and #taken < tonumber(take) then
    redis.call('HSETNX', attempts, number, 1)
    taken[#taken + 1] = {entry, redis.call('HGET', attempts, number), ''}
  end
end
keep_alive(retention_ms)
return {'OK', redis.call('HGETALL', customer), taken}
