-- A call is over: the words that nobody heard become unheard, and what the plan makes of them is owed. Once.
-- A word on its way that hangs up may be what ended the call: it is left to its push, and to a second end if that failed.
-- KEYS claim customer sessions history parts outbox calls waiting rings active closed deadlines events sequence
-- ARGV cid sid plan ring_ms retention_ms
--   plan JSON: status: Twilio's last word on the call; write: nonce of this end; unheard: the questions whose words the
--   plan takes for unheard; session: change (see _put_session.lua) and owed: {record, parts} to send, or
--   nothing of both; optout: field of the customer's hash that forbids it
-- Returns {OK, {numbers of the messages owed}, waits}: waits is 1 when a worker has something to do now
--         {KNOWN}: it had ended before;  {UNKNOWN}: no such call;  {STALE}: other words are unheard than the plan says
--         {CONFLICT}: the session was written meanwhile. Nothing was written
-- Safe to repeat: the same end is recognised by its nonce.
plan = cjson.decode(plan)
local call = call_of(sid)
if not call then
  return {'UNKNOWN'}
end
if call.write == plan.write then
  return {'OK', call.owed, #call.owed > 0 and 1 or 0}
end
local planned, unheard = {}, {}
for _, turn in ipairs(plan.unheard) do
  planned[whole(turn)] = true
end
for _, field in ipairs(redis.call('HKEYS', calls)) do
  local turn = string.match(field, '^' .. sid .. ':(%d+)$')
  local word = turn and word_of(sid, turn)
  local ends = word and word['then'] == 'hangup' and call.live
  if word and (word.state == 'ready' or word.state == 'pushing' and not ends) then
    if not planned[turn] then
      return {'STALE'}
    end
    unheard[#unheard + 1] = word
  end
end
if #unheard ~= #plan.unheard then
  return {'STALE'}
end
if not call.live and #unheard == 0 then
  return {'KNOWN'}
end
local owes = plan.owed and redis.call('HEXISTS', customer, plan.optout) == 0
if owes and stale(plan.session) then
  return {'CONFLICT'}
end
local now, numbers = clock(), {}
for _, word in ipairs(unheard) do
  word.state = 'unheard'
  keep_word(word, now)
end
if owes then
  local no = whole(put_session(plan.session))
  local known = redis.call('HMGET', customer, 'ours', 'address')
  numbers[1] = owe(no, plan.owed, known, now)
  wait_for_ring(now)
end
if call.live then
  call.live, call.ended_at, call.status = false, now, plan.status
end
call.write, call.owed = plan.write, numbers
keep_call(sid, call)
keep_alive(retention_ms)
return {'OK', numbers, #numbers > 0 and 1 or 0}
