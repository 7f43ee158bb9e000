-- Write a session outside a turn: a program, an operator or the sweep. Version-checked.
-- KEYS claim customer inbox attempts placed sessions history parts outbox failures waiting rings active closed deadlines dead resolved events sequence
-- ARGV cid plan ring_ms retention_ms
--   plan JSON: session: change (see _put_session.lua); records: messages to append to it; owed: {record, parts} to send,
--   or nothing; optout: field of the customer's hash that forbids that; entries: inbox entries with their records that
--   wait to be answered again; facts: flat list for the customer's hash; failure: record for a person, kept under the
--   session's number, or nothing; resolves: true when such a failure needs nobody any more; by_time: true for the sweep,
--   which leaves a session alone while its customer is being answered or waits to be
-- Returns {OK, session number, version, {message numbers}, waits}: the owed message's number is the last; waits is 1
--         when a worker has something to do now
--         {CONFLICT}: somebody else wrote it meanwhile;  {OPTED_OUT}: nothing may be sent. Nothing was written
-- Safe to repeat: the same write is recognised by its nonce.
plan = cjson.decode(plan)
if stale(plan.session) then
  return {'CONFLICT'}
end
if plan.by_time and redis.call('EXISTS', claim) + redis.call('LLEN', inbox) > 0 then
  return {'CONFLICT'}
end
if plan.owed and redis.call('HEXISTS', customer, plan.optout) == 1 then
  return {'OPTED_OUT'}
end
local now = clock()
local before = plan.session.no ~= 0 and redis.call('HGET', sessions, whole(plan.session.no))
  or redis.call('HGET', customer, 'open:' .. plan.session.opened_as)
local repeated = false
if plan.session.no ~= 0 and before then
  local version = session_head(before)
  repeated = version == plan.session.version + 1
elseif before then
  repeated = true
end
local no = whole(put_session(plan.session))
for i = 1, #plan.facts, 2 do
  redis.call('HSET', customer, plan.facts[i], plan.facts[i + 1])
end
local numbers, waits = {}, plan.owed ~= nil or #plan.entries > 0
if repeated then
  for _, element in ipairs(tail(no, #plan.records + (plan.owed and 1 or 0))[1]) do
    numbers[#numbers + 1] = string.match(element, '^%d+:(%d+)')
  end
else
  local known = redis.call('HMGET', customer, 'ours', 'address')
  for _, record in ipairs(plan.records) do
    local number = whole(redis.call('INCR', sequence))
    numbers[#numbers + 1] = number
    redis.call('RPUSH', history, no .. ':' .. number .. ':' .. recorded(record, now, known[1], known[2]))
  end
  if plan.owed then
    numbers[#numbers + 1] = owe(no, plan.owed, known, now)
  end
  waits = requeue(plan.entries, {}, no .. ':') > 0 or plan.owed ~= nil
  if waits then
    wait_for_ring(now)
  end
  if plan.failure then
    plan.failure.at, plan.failure.session = now, tonumber(no)
    redis.call('HSET', failures, no, cjson.encode(plan.failure))
    redis.call('ZADD', dead, now, cid .. ':' .. no)
    redis.call('ZREM', resolved, cid .. ':' .. no)  -- an earlier wait in this session
  end
  local failed = plan.resolves and redis.call('HGET', failures, no)
  if failed and not cjson.decode(failed).resolved_at then
    resolve(no, cjson.decode(failed), 'answered', plan.session.write, now)
  end
end
-- The sweep, or a word on an old session, does not make it the one the customer is in.
if plan.session.no == 0 or #plan.records > 0 or plan.owed then
  redis.call('HSET', customer, 'last_session', no)
end
keep_alive(retention_ms)
return {'OK', tonumber(no), plan.session.version + 1, numbers, waits and 1 or 0}
