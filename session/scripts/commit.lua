-- Commit a turn: session, history, reply owed, messages answered - all or nothing, if the claim still holds.
-- KEYS claim customer inbox messages attempts placed sessions open history parts outbox turns failures active deadlines dead sequence
-- ARGV cid token plan retention_ms
--   plan JSON: session: change (see _put_session.lua); answered: inbox entries to remove; replies: list of
--   {record, parts: [part, ...]}, each part without its message number; turn: record; facts: flat list for the
--   customer's hash; unset: fields to remove from it; failure: record or nil; optout: field of the customer's hash
--   that forbids replies; redo: nil, or {lane, after}: nothing is stored when a newer ordinary message waits there
-- Returns {OK, now, {reply numbers}}: done, now or by an earlier run of this very step
--         {LOST}: claim gone;  {CONFLICT}: the session was written meanwhile;  {MISMATCH}: a message is not waiting any more
--         {OPTED_OUT}: the customer wants no reply;  {STALE}: see redo. Nothing was written
-- Safe to repeat: a turn's number is its claim's fence, and a fence commits once.
plan = cjson.decode(plan)
local fence = string.match(token, '^(%d+):')
local done = redis.call('HGET', turns, fence)
if done then
  local turn = cjson.decode(done)
  return {'OK', turn.at, turn.replies}
end
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
if stale(plan.session) then
  return {'CONFLICT'}
end
for _, entry in ipairs(plan.answered) do
  if not redis.call('LPOS', inbox, entry) then
    return {'MISMATCH'}
  end
end
if #plan.replies > 0 and redis.call('HEXISTS', customer, plan.optout) == 1 then
  return {'OPTED_OUT'}
end
if plan.redo then
  for _, entry in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
    local number, lane = string.match(entry, '^(%d+) %- (.*)$')
    if lane == plan.redo.lane and tonumber(number) > plan.redo.after then
      return {'STALE'}
    end
  end
end

local now = clock()
local no = whole(put_session(plan.session))
for _, entry in ipairs(plan.answered) do
  local number = string.match(entry, '^(%d+) ')
  redis.call('LREM', inbox, 1, entry)
  redis.call('HDEL', attempts, number)
  redis.call('HDEL', placed, number)
end
if redis.call('LLEN', inbox) == 0 then
  redis.call('HDEL', customer, 'quiet_first')
end

local numbers = {}
for _, reply in ipairs(plan.replies) do
  local number = whole(redis.call('INCR', sequence))
  numbers[#numbers + 1] = number
  redis.call('HSET', messages, number, whole(now) .. ':' .. reply.record)
  redis.call('RPUSH', history, no .. ':' .. number)
  for i, part in ipairs(reply.parts) do
    part.message = tonumber(number)
    part.session = tonumber(no)
    part.created = now
    redis.call('HSET', parts, number .. '.' .. i, cjson.encode(part))
    redis.call('RPUSH', outbox, number .. '.' .. i)
  end
end

for i = 1, #plan.facts, 2 do
  redis.call('HSET', customer, plan.facts[i], plan.facts[i + 1])
end
for _, field in ipairs(plan.unset) do
  redis.call('HDEL', customer, field)
end
if plan.failure then
  plan.failure.at = now
  redis.call('HSET', failures, fence, cjson.encode(plan.failure))
  redis.call('ZADD', dead, now, cid .. ':' .. fence)
end
plan.turn.at = now
plan.turn.session = tonumber(no)
plan.turn.replies = numbers
redis.call('HSET', turns, fence, cjson.encode(plan.turn))
keep_alive(retention_ms)
return {'OK', now, numbers}
