-- Claim a customer and see what there is to do: parts to send, else one lane's messages.
-- KEYS claim customer inbox attempts placed sessions parts outbox memory failures waiting rings dead resolved sequence
-- ARGV cid nonce claim_ms attempts_max take retention_ms
-- Returns {BUSY, ms}: somebody else holds it for so long at most
--         {EMPTY}: nothing to do, taken off the waiting index
--         {EARLY, ms}: nothing before then; due again at that time
--         {CLAIMED, token, now, facts, parts, lane, messages, sessions, buried, memory}
--   token     "fence:nonce:start"; the fence only grows
--   facts     the customer's hash, flat; its open sessions too
--   parts     {number, part}: parts that may be sent now, oldest first per lane
--   messages  {entry, attempt, placed}: what waits on `lane`, oldest first; empty when there are parts
--   sessions  {number, value} of the open ones, the placed and the latest
--   buried    numbers of messages tried too often, now failures
--   memory    what each agent remembers of the customer, flat: agent, record
-- Attempts are counted here, before the work, so that a message that kills its worker counts.
-- Safe to repeat with the same nonce: same token, nothing counted twice.
local now = clock()
local held = redis.call('GET', claim)
local again = false
if held then
  if string.match(held, '^%d+:([^:]*):') ~= nonce then
    return {'BUSY', redis.call('PTTL', claim)}
  end
  again = true
end

local earliest = nil
local function not_before(at)
  if at > now and (not earliest or at < earliest) then
    earliest = at
  end
  return at > now
end

-- A lane is blocked while it has a part that is neither sent nor failed.
local blocked, sendable = {}, {}
for _, number in ipairs(redis.call('LRANGE', outbox, 0, -1)) do
  local value = redis.call('HGET', parts, number)
  if not value then
    redis.call('LREM', outbox, 0, number)
  else
    local part = part_of(value)
    if not blocked[part.lane] and not not_before(part.not_before or 0) then
      sendable[#sendable + 1] = {number, value}
    end
    blocked[part.lane] = true
  end
end

-- The lane of the first message that may be answered now; then all that waits on it.
local entries, chosen, held_back, stops, taken, buried = {}, '', false, {}, {}, {}
if #sendable == 0 then
  entries = redis.call('LRANGE', inbox, 0, -1)
end
local quiet = tonumber(redis.call('HGET', customer, 'quiet_until') or 0)
for _, entry in ipairs(entries) do
  local keyword, lane = string.match(entry, '^%d+ (%S+) (%S+) ')
  if chosen == '' and not blocked[lane] then
    local held_until = tonumber(redis.call('HGET', customer, 'hold:' .. lane) or 0)
    -- Opt-out words wait for nothing.
    if keyword ~= '-' or not (not_before(quiet) or not_before(held_until)) then
      chosen, held_back = lane, held_until > now
    end
  end
  stops[lane] = stops[lane] or keyword == 'stop'
end
-- On a lane that is left alone they are taken without the texts around them, which a STOP alone ends.
held_back = held_back and not stops[chosen]
for _, entry in ipairs(entries) do
  local number, keyword, lane, since = string.match(entry, '^(%d+) (%S+) (%S+) (%w+)')
  if lane == chosen and #taken < tonumber(take) and not (held_back and keyword == '-') then
    -- Counted by the first run already, unless it came in between the two.
    local count = again and tonumber(redis.call('HGET', attempts, number) or '')
      or redis.call('HINCRBY', attempts, number, 1)
    if count > tonumber(attempts_max) then
      redis.call('LREM', inbox, 1, entry)
      redis.call('HDEL', attempts, number)
      local shown = tonumber(string.match(redis.call('HGET', placed, number) or '', '^%d+') or '')
      redis.call('HDEL', placed, number)
      -- Turns of a lane come one after another: an error since this message came in is about it.
      local at, fault = string.match(redis.call('HGET', customer, 'fault:' .. lane) or '0 ', '^(%d+) (.*)$')
      redis.call('HSET', failures, number, cjson.encode({v = 1, reason = 'attempts',
        message = tonumber(number), at = now, attempts = count - 1, session = shown, entry = entry,
        error = tonumber(at) >= tonumber(since, 36) and fault or nil}))
      redis.call('ZADD', dead, now, cid .. ':' .. number)
      redis.call('ZREM', resolved, cid .. ':' .. number)  -- one that was retried in vain
      buried[#buried + 1] = number
    else
      taken[#taken + 1] = {entry, count, redis.call('HGET', placed, number) or ''}
    end
  end
end

redis.call('HDEL', rings, cid)
if #sendable == 0 and #taken == 0 and #buried == 0 then
  if again then
    redis.call('DEL', claim)
  end
  if redis.call('LLEN', inbox) + redis.call('LLEN', outbox) == 0 then
    redis.call('ZREM', waiting, cid)
    return {'EMPTY'}
  end
  earliest = earliest or now + tonumber(claim_ms)
  redis.call('ZADD', waiting, earliest, cid)
  return {'EARLY', earliest - now}
end

local token = held
if not again then
  token = whole(redis.call('INCR', sequence)) .. ':' .. nonce .. ':' .. whole(now)
  redis.call('SET', claim, token, 'PX', claim_ms)
end
redis.call('ZADD', waiting, now + tonumber(claim_ms), cid)
keep_alive(retention_ms)

local facts, values, shown = redis.call('HGETALL', customer), {}, {}
local function show(number)
  if number and number ~= '' and not shown[number] then
    shown[number] = true
    local value = redis.call('HGET', sessions, number)
    if value then
      values[#values + 1] = {number, value}
    end
  end
end
local latest = nil
for i = 1, #facts, 2 do
  if string.sub(facts[i], 1, 5) == 'open:' then
    show(facts[i + 1])
  elseif facts[i] == 'last_session' then
    latest = facts[i + 1]
  end
end
for _, message in ipairs(taken) do
  show(string.match(message[3], '^(%d+):'))
end
-- The latest session of all is shown too: a new one says what became of it.
show(latest)
return {'CLAIMED', token, now, facts, sendable, chosen, taken, values, buried,
  redis.call('HGETALL', memory)}
