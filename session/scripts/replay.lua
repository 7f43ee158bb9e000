-- Replay: the messages of a failure wait in the inbox again, once, as if nobody had tried them.
-- KEYS claim customer inbox attempts placed sessions history failures waiting rings active closed deadlines dead resolved events sequence
-- ARGV cid number write optout plan ring_ms retention_ms
--   number  the failure's;  write  nonce of this retry;  optout  field that holds the sender's opt-out
--   plan JSON: entries: inbox entries with their records, oldest first; hold: field of their lane's hold; session: change that
--   gives the conversation back to the assistant (see _put_session.lua), or nothing
-- Returns {OK}: they wait;  {DONE, answered}: a turn answered them meanwhile;  {ALREADY, resolution, ms}
--         {REFUSED, opted_out};  {CONFLICT}: the session was written meanwhile;  {GONE}: forgotten
-- Safe to repeat: the same write is recognised by its nonce.
plan = cjson.decode(plan)
local failure, answer = open_failure(number, write)
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
for _, name in ipairs(failure.answered or {}) do
  answered[whole(name)] = true
end
local now = clock()
local added = requeue(plan.entries, answered, failure.session and whole(failure.session) .. ':')
if #plan.entries == 0 then
  return {'GONE'}
end
if added == 0 then
  resolve(number, failure, 'answered', write, now)
  keep_alive(retention_ms)
  return {'DONE', 'answered'}
end
if plan.session then
  put_session(plan.session)
end
redis.call('HDEL', customer, plan.hold)
resolve(number, failure, 'retried', write, now)
keep_alive(retention_ms)
wait_for_ring(now)
return {'OK'}
