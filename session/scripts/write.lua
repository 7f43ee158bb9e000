-- Write a session outside a turn: a program, an operator or the sweep. Version-checked.
-- KEYS claim customer inbox messages sessions open history parts active deadlines sequence
-- ARGV cid plan retention_ms
--   plan JSON: session: change (see _put_session.lua); records: messages to append to it;
--   facts: flat list for the customer's hash; by_time: true for the sweep, which leaves a session
--   alone while its customer is being answered or waits to be
-- Returns {OK, session number, version, {message numbers}} or {CONFLICT}
-- Safe to repeat: the same write is recognised by its nonce.
plan = cjson.decode(plan)
if stale(plan.session) then
  return {'CONFLICT'}
end
if plan.by_time and redis.call('EXISTS', claim) + redis.call('LLEN', inbox) > 0 then
  return {'CONFLICT'}
end
local now = clock()
local before = plan.session.no ~= 0 and redis.call('HGET', sessions, whole(plan.session.no))
  or redis.call('HGET', open, plan.session.opened_as)
local repeated = false
if plan.session.no ~= 0 and before then
  local version = session_head(before)
  repeated = version == plan.session.version + 1
elseif before then
  repeated = true
end
local no = whole(put_session(plan.session))
local numbers = {}
if repeated then
  for _, row in ipairs(tail(no, #plan.records)) do
    numbers[#numbers + 1] = row[1]
  end
else
  for _, record in ipairs(plan.records) do
    local number = whole(redis.call('INCR', sequence))
    numbers[#numbers + 1] = number
    redis.call('HSET', messages, number, whole(now) .. ':' .. record)
    redis.call('RPUSH', history, no .. ':' .. number)
  end
end
for i = 1, #plan.facts, 2 do
  redis.call('HSET', customer, plan.facts[i], plan.facts[i + 1])
end
-- The sweep, or a word on an old session, does not make it the one the customer is in.
if plan.session.no == 0 or #plan.records > 0 then
  redis.call('HSET', customer, 'last_session', no)
end
keep_alive(retention_ms)
return {'OK', tonumber(no), plan.session.version + 1, numbers}
