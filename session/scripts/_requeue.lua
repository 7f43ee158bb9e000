-- Shared by replay and write: recorded messages wait in the inbox again, each in its place, as if nobody had tried
-- them. Left out are those that wait already, and those in `answered`. Gives how many wait again.
--   entries   inbox entries with their records, oldest first
--   place     "session:" where they may be shown already, or nil: there they are not shown a second time
local function requeue(entries, answered, place)
  local waits, added = redis.call('LRANGE', inbox, 0, -1), 0
  for _, entry in ipairs(waits) do
    answered[string.match(entry, '^%d+')] = true
  end
  for _, entry in ipairs(entries) do
    local name, record = string.match(entry, '^(%d+) %S+ %S+ (.*)$')
    if not answered[name] then
      added = added + 1
      redis.call('HDEL', attempts, name)
      if place and redis.call('LPOS', history, place .. name .. ':' .. record) then
        redis.call('HSET', placed, name, place)
      end
      -- Before what came after it.
      local later = nil
      for _, other in ipairs(waits) do
        if not later and tonumber(string.match(other, '^%d+')) > tonumber(name) then
          later = other
        end
      end
      if later then
        redis.call('LINSERT', inbox, 'BEFORE', later, entry)
      else
        redis.call('RPUSH', inbox, entry)
      end
    end
  end
  return added
end
