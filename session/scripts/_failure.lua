-- Shared by replay and resend: a failure is resolved once, by one write.
-- The failure, or nil and what to answer at once.
local function open_failure(number, write)
  local value = redis.call('HGET', failures, number)
  if not value then
    return nil, {'GONE'}
  end
  local failure = cjson.decode(value)
  if not failure.resolved_at then
    return failure
  end
  if failure.write ~= write then
    return nil, {'ALREADY', failure.resolution, failure.resolved_at}
  end
  return nil, failure.resolution == 'retried' and {'OK'} or {'DONE', failure.resolution}
end
