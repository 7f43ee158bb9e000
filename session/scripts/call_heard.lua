-- What one of its questions came to is kept with a call: the number of the question only grows.
-- KEYS calls parts
-- ARGV sid record
--   record  JSON: turn, silences, unsure and language are taken over, unless a later question was answered meanwhile
-- Whoever answers a later question was asked it: by the word before, if that was being pushed, which was spoken then.
-- Returns {record}: the call as stored, or {''} for one that is not known. Safe to repeat.
local call, told = call_of(sid), cjson.decode(record)
if not call then
  return {''}
end
local before = told.turn > call.turn and word_of(sid, whole(told.turn - 1))
if before and before.state == 'pushing' then
  before.state = 'spoken'
  keep_word(before, clock())
end
local news = false
for _, name in ipairs(told.turn >= call.turn and {'turn', 'silences', 'unsure', 'language'} or {}) do
  news = news or call[name] ~= told[name]
  call[name] = told[name]
end
if news then
  keep_call(sid, call)
end
return {redis.call('HGET', calls, sid)}
