-- Shared by what ends a part in vain: its failure for a person, a JSON record as the caller gives it, '' for none.
local function note_failure(failure, now, session)
  if failure == '' then
    return
  end
  failure = cjson.decode(failure)
  failure.at, failure.session = now, session
  redis.call('HSET', failures, number, cjson.encode(failure))
  redis.call('ZADD', dead, now, cid .. ':' .. number)
  redis.call('ZREM', resolved, cid .. ':' .. number)  -- one that was resent in vain
end
