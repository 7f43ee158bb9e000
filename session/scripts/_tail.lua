-- The last messages of one session, oldest first: {elements, parts}.
--   elements  "session:number:ms:..." as the history has them;  parts  of all of these messages, one after another
-- The history of a customer is one list in the order of recording; what went out tells in how many parts.
local function tail(session_no, count, skip)
  local found, prefix, at, size = {}, session_no .. ':', -1, math.max(32, count)
  while #found ~= count do
    local chunk = redis.call('LRANGE', history, at - size + 1, at)
    for i = #chunk, 1, -1 do
      local element = chunk[i]
      if string.sub(element, 1, #prefix) == prefix and #found ~= count
          and not (skip and skip[string.match(element, '^%d+:(%d+)')]) then
        found[#found + 1] = element
      end
    end
    if #chunk < size then
      break
    end
    at, size = at - size, size * 2
  end
  local elements, names, told = {}, {}, {}
  for i = #found, 1, -1 do
    elements[#elements + 1] = found[i]
    local number, owed = string.match(found[i], '^%d+:(%d+):%w+:%a%a(%d)')
    for part = 1, tonumber(owed or 0) do
      names[#names + 1] = number .. '.' .. part
    end
  end
  for from = 1, #names, 1000 do
    local values = redis.call('HMGET', parts, unpack(names, from, math.min(from + 999, #names)))
    for _, value in ipairs(values) do
      told[#told + 1] = value
    end
  end
  return {elements, told}
end
