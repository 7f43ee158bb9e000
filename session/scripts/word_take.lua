-- Take a word to speak it: once, by a push into the live call or by the call's own poll.
-- KEYS calls sessions parts
-- ARGV sid turn by push_ms retention_ms
--   by       "push:nonce" or "poll:t", t the number of the poll;  push_ms  how long a push may be without an outcome
-- Returns {TAKEN, word}: speak it; it is pushing now, or spoken when a poll took it
--         {WAIT}: nothing is ready, or a push is under way;  {SPOKEN}: it was taken before
--         {GIVEN_UP}: it will not be spoken, as here when a person stepped in since it was decided
--         {PASSED}: too late to push it, the caller has answered a later question;  {OVER}: the call has ended
-- Safe to repeat: who took it takes it again.
local call, word = call_of(sid), word_of(sid, turn)
if not call or not call.live then
  return {'OVER'}
end
if not word then
  return {'WAIT'}
end
if word.state ~= 'ready' and word.by == by then
  return {'TAKEN', redis.call('HGET', calls, sid .. ':' .. turn)}
end
if word.state == 'spoken' or word.state == 'unheard' then
  return {word.state == 'spoken' and 'SPOKEN' or 'GIVEN_UP'}
end
local session = redis.call('HGET', sessions, whole(word.session))
local _, epoch = session_head(session or '0:0::')
if word.state == 'ready' and epoch ~= word.epoch then
  word.state = 'unheard'
  keep_word(word, clock())
  keep_alive(retention_ms)
  return {'GIVEN_UP'}
end
local now, pushes = clock(), string.match(by, '^push:') ~= nil
if pushes and call.turn > tonumber(turn) then
  return {'PASSED'}
end
if word.state == 'pushing' and (pushes or now - word.at <= tonumber(push_ms)) then
  return {'WAIT'}
end
word.state, word.by, word.at = pushes and 'pushing' or 'spoken', by, now
keep_word(word, now)
keep_alive(retention_ms)
return {'TAKEN', redis.call('HGET', calls, sid .. ':' .. turn)}
