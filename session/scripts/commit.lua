-- Commit a turn: session, history, reply owed, messages answered - all or nothing, if the claim still holds.
-- KEYS claim customer inbox attempts placed sessions history parts outbox turns calls memory failures active closed deadlines dead resolved events sequence
-- ARGV cid token plan retention_ms
--   plan JSON: session: change (see _put_session.lua); answered: numbers of the messages that wait no longer; replies: list of
--   {record, parts: [part, ...]}, each part without its message number; turn: record; memory: {agent, record}, or nothing;
--   facts: flat list for the customer's hash; unset: fields to remove from it; failure: record or nil; optout: field of the customer's hash
--   that forbids replies; redo: nil, or {lane, after}: nothing is stored when a newer ordinary message waits there;
--   word: nil, or what of a word is known here (see _word.lua): the replies are spoken by it and are not sent
-- Returns {OK, now, {reply numbers}}: done, now or by an earlier run of this very step
--         {LOST}: claim gone;  {CONFLICT}: the session was written meanwhile;  {MISMATCH}: a message is not waiting any more
--         {OPTED_OUT}: the customer wants no reply;  {STALE}: see redo;  {HUNG_UP}: nobody would hear the word that is ready.
--         Nothing was written
-- Safe to repeat: a turn's number is its claim's fence, and a fence commits once.
local TURNS_MAX, TURNS_MS = 200, 604800000
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
local waits, newer = {}, false
for _, entry in ipairs(redis.call('LRANGE', inbox, 0, -1)) do
  local number, keyword, lane = string.match(entry, '^(%d+) (%S+) (%S+) ')
  waits[number] = entry
  newer = newer or (plan.redo and keyword == '-' and lane == plan.redo.lane and tonumber(number) > plan.redo.after)
end
for _, number in ipairs(plan.answered) do
  if not waits[whole(number)] then
    return {'MISMATCH'}
  end
end
if #plan.replies > 0 and redis.call('HEXISTS', customer, plan.optout) == 1 then
  return {'OPTED_OUT'}
end
if newer then
  return {'STALE'}
end
if plan.word and plan.word.state == 'ready' then
  local call = call_of(plan.word.call)
  if not call or not call.live then
    return {'HUNG_UP'}
  end
end

local now = clock()
local no = whole(put_session(plan.session))
for _, number in ipairs(plan.answered) do
  local name = whole(number)
  redis.call('LREM', inbox, 1, waits[name])
  redis.call('HDEL', attempts, name)
  -- What no step has shown yet is recorded here: an answered message stands in the history.
  if redis.call('HDEL', placed, name) == 0 then
    redis.call('RPUSH', history, no .. ':' .. string.gsub(waits[name], ' %S+ %S+ ', ':', 1))
  end
end
if redis.call('LLEN', inbox) == 0 then
  redis.call('HDEL', customer, 'quiet_first')
end

local numbers = {}
local known = redis.call('HMGET', customer, 'ours', 'address')
for _, reply in ipairs(plan.replies) do
  numbers[#numbers + 1] = plan.word and say(no, reply, known, now) or owe(no, reply, known, now)
end
if plan.word then
  local word = plan.word
  word.numbers, word.session, word.epoch, word.created = numbers, tonumber(no), plan.session.epoch, now
  keep_word(word, now)
end
if plan.memory then
  redis.call('HSET', memory, plan.memory.agent, plan.memory.record)
end

for i = 1, #plan.facts, 2 do
  redis.call('HSET', customer, plan.facts[i], plan.facts[i + 1])
end
for _, field in ipairs(plan.unset) do
  redis.call('HDEL', customer, field)
end

-- What failed before and is answered by this turn needs nobody any more.
local answers = plan.turn.kind == 'answer' and plan.turn.messages or {}
if #answers > 0 and redis.call('HLEN', failures) > 0 then
  local flat = redis.call('HGETALL', failures)
  for i = 1, #flat, 2 do
    local failure = cjson.decode(flat[i + 1])
    local about = not failure.resolved_at and (failure.messages or {failure.message}) or {}
    failure.answered = failure.answered or {}
    local left, before = {}, #failure.answered
    for _, name in ipairs(about) do
      left[whole(name)] = true
    end
    for _, name in ipairs(answers) do
      if left[whole(name)] then
        failure.answered[#failure.answered + 1] = name
      end
    end
    for _, name in ipairs(failure.answered) do
      left[whole(name)] = nil
    end
    if #failure.answered > before then
      if next(left) then
        redis.call('HSET', failures, flat[i], cjson.encode(failure))
      else
        resolve(flat[i], failure, 'answered', fence, now)
      end
    end
  end
end
if plan.failure then
  plan.failure.at, plan.failure.session = now, tonumber(no)
  redis.call('HSET', failures, fence, cjson.encode(plan.failure))
  redis.call('ZADD', dead, now, cid .. ':' .. fence)
end

-- Why things were done: the newest turns, for a while of their own.
plan.turn.at = now
plan.turn.session = tonumber(no)
plan.turn.replies = numbers
redis.call('HSET', turns, fence, cjson.encode(plan.turn))
redis.call('PEXPIRE', turns, math.min(TURNS_MS, tonumber(retention_ms)))
if redis.call('HLEN', turns) > TURNS_MAX then
  local fences = redis.call('HKEYS', turns)
  table.sort(fences, function(a, b) return tonumber(a) < tonumber(b) end)
  for i = 1, #fences - TURNS_MAX do
    redis.call('HDEL', turns, fences[i])
  end
end
keep_alive(retention_ms)
return {'OK', now, numbers}
