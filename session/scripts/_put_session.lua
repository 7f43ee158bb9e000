-- Shared by open, commit and write: store one session and its two indexes, if its
-- version is still the expected one. A change is a table:
--   no          session number; 0 makes a new one
--   version     expected version; 0 for a new one
--   epoch       epoch to store
--   write       nonce of this write, so that a resent command is recognised
--   record      opaque to Redis
--   opened_as   "agent|scope": behind "open:" the field of the customer's hash that tells the open session
--   is_open     false when the session is closed by this write
--   activity    last activity, ms
--   deadline    when the sweep must look at it next, ms, or nil
--   events      what happened by this write, for whoever watches; told once, because a write is made once
-- Returns the number, or nil when somebody else wrote it meanwhile.
local function put_session(change)
  local no = change.no
  if no == 0 then
    local taken = redis.call('HGET', customer, 'open:' .. change.opened_as)
    if taken then
      local _, _, write = session_head(redis.call('HGET', sessions, taken) or '0:0::')
      if write == change.write then
        return tonumber(taken)
      end
      return nil
    end
    no = redis.call('INCR', sequence)
  else
    local value = redis.call('HGET', sessions, whole(no))
    if not value then
      return nil
    end
    local version, _, write = session_head(value)
    if version == change.version + 1 and write == change.write then
      return no
    end
    if version ~= change.version then
      return nil
    end
  end
  local name, member = whole(no), cid .. ':' .. whole(no)
  redis.call('HSET', sessions, name,
    whole(change.version + 1) .. ':' .. whole(change.epoch) .. ':' .. change.write .. ':' .. change.record)
  if change.is_open then
    redis.call('HSET', customer, 'open:' .. change.opened_as, name)
    redis.call('ZADD', active, change.activity, member)
    redis.call('ZREM', closed, member)
  else
    if redis.call('HGET', customer, 'open:' .. change.opened_as) == name then
      redis.call('HDEL', customer, 'open:' .. change.opened_as)
    end
    redis.call('ZREM', active, member)
    redis.call('ZADD', closed, change.activity, member)
    redis.call('ZREMRANGEBYSCORE', closed, '-inf', clock() - tonumber(retention_ms))
  end
  if change.is_open and change.deadline then
    redis.call('ZADD', deadlines, change.deadline, member)
  else
    redis.call('ZREM', deadlines, member)
  end
  for _, told in ipairs(change.events or {}) do
    redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'cid', cid, 'session', name, 'event', cjson.encode(told))
  end
  return no
end

-- Whether put_session would refuse, asked before anything is written.
local function stale(change)
  if change.no == 0 then
    local taken = redis.call('HGET', customer, 'open:' .. change.opened_as)
    if not taken then
      return false
    end
    local _, _, write = session_head(redis.call('HGET', sessions, taken) or '0:0::')
    return write ~= change.write
  end
  local value = redis.call('HGET', sessions, whole(change.no))
  if not value then
    return true
  end
  local version, _, write = session_head(value)
  return version ~= change.version and not (version == change.version + 1 and write == change.write)
end
