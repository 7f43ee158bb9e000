-- Shared by settle and give_up: the part that is to be moved, if the claim holds and it is in one of the
-- expected states. Returns the part, or nil and the step's answer.
local function expected_part()
  if redis.call('GET', claim) ~= token then
    return nil, {'LOST'}
  end
  local value = redis.call('HGET', parts, number)
  if not value then
    return nil, {'GONE'}
  end
  local part = part_of(value)
  for _, name in ipairs(cjson.decode(expected)) do
    if name == part.state then
      return part, nil
    end
  end
  return nil, {'STATE', part.state}
end
