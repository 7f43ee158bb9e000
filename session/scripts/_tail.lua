-- The last messages of one session, oldest first: {number, message, part, part, ...}.
-- The history of a customer is one list of "session:message" in the order of recording.
local function tail(session_no, count, skip)
  local found, at, prefix = {}, -1, session_no .. ':'
  while count < 0 or #found < count do
    local chunk = redis.call('LRANGE', history, at - 99, at)
    if #chunk == 0 then
      break
    end
    for i = #chunk, 1, -1 do
      if string.sub(chunk[i], 1, #prefix) == prefix then
        local number = string.sub(chunk[i], #prefix + 1)
        if not (skip and skip[number]) and (count < 0 or #found < count) then
          local row = {number, redis.call('HGET', messages, number) or ''}
          local part = 1
          local value = redis.call('HGET', parts, number .. '.1')
          while value do
            row[#row + 1] = value
            part = part + 1
            value = redis.call('HGET', parts, number .. '.' .. part)
          end
          found[#found + 1] = row
        end
      end
    end
    if #chunk < 100 then
      break
    end
    at = at - 100
  end
  for i = 1, math.floor(#found / 2) do
    found[i], found[#found - i + 1] = found[#found - i + 1], found[i]
  end
  return found
end
