-- Replay: the messages of a failure wait in the inbox again, once, as if nobody had tried them.
-- KEYS claim customer inbox messages attempts placed sessions open history turns failures waiting rings active deadlines dead resolved sequence
-- ARGV cid number write optout plan ring_ms retention_ms
--   number  the failure's;  write  nonce of this retry;  optout  field that holds the sender's opt-out
--   plan JSON: entries: inbox entries, oldest first; hold: field of their lane's hold; session: change that
--   gives the conversation back to the assistant (see _put_session.lua), or nothing
-- Returns {OK}: they wait;  {DONE, answered}: a turn answered them meanwhile;  {ALREADY, resolution, ms}
--         {REFUSED, opted_out};  {CONFLICT}: the session was written meanwhile;  {GONE}: forgotten
-- Safe to repeat: the same write is recognised by its nonce.
plan = cjson.decode(plan)
local failure, answer = open_failure()
if not failure then
  return answer
end
if redis.call('HEXISTS', customer, optout) == 1 then
  return {'REFUSED', 'opted_out'}
end
if plan.session and stale(plan.session) then
  return {'CONFLICT'}
end

local answered = {}
for _, value in ipairs(redis.call('HVALS', turns)) do
  local turn = cjson.decode(value)
  for _, name in ipairs(turn.kind == 'answer' and turn.messages or {}) do
    answered[whole(name)] = true
  end
end
local waits = redis.call('LRANGE', inbox, 0, -1)
for _, entry in ipairs(waits) do
  answered[string.match(entry, '^%d+')] = true
end

local now, kept, added = clock(), 0, 0
local turn = redis.call('HGET', turns, number)
local shown = failure.session or (turn and cjson.decode(turn).session)
for _, entry in ipairs(plan.entries) do
  local name = string.match(entry, '^%d+')
  kept = kept + redis.call('HEXISTS', messages, name)
  if redis.call('HEXISTS', messages, name) == 1 and not answered[name] then
    added = added + 1
    redis.call('HDEL', attempts, name)
    -- Where it is shown already it is not shown a second time.
    local place = shown and whole(shown) .. ':'
    if place and redis.call('LPOS', history, place .. name) then
      redis.call('HSET', placed, name, place)
    end
    -- Back in its place: before what came after it.
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
if kept == 0 then
  return {'GONE'}
end
if added == 0 then
  resolve(failure, 'answered', now)
  return {'DONE', 'answered'}
end
if plan.session then
  put_session(plan.session)
end
redis.call('HDEL', customer, plan.hold)
resolve(failure, 'retried', now)
wait_for_ring(now)
return {'OK'}
