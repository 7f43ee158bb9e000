-- Shared by the steps of words, call_end and commit. A word is what is spoken to answer one question of a call: field
-- "CallSid:question" of the hash of calls, JSON:
--   call, turn  the call and the question's number;  text;  then  what follows it: listen, hangup, dial
--   numbers  of the messages that it speaks;  session, epoch  theirs when it was decided;  created  when, ms
--   packed   the CallSid as parts are bound to it;  state  ready, pushing, spoken, unheard
--   by, at   who took it and when, ms
local WORD_MS = 86400000
-- How far the delivery of its messages is then, rank and letter as in _part.lua: queued, sending, sent, undelivered.
local TOLD = {ready = {1, 'q'}, pushing = {2, 'g'}, spoken = {3, 't'}, unheard = {4, 'u'}}

local function word_of(call_sid, turn)
  local value = redis.call('HGET', calls, call_sid .. ':' .. turn)
  return value and cjson.decode(value) or nil
end

-- Each message has one part, which was never in the outbox and is bound to the call from the start.
local function keep_word(word, now)
  redis.call('HSET', calls, word.call .. ':' .. whole(word.turn), cjson.encode(word))
  redis.call('PEXPIRE', calls, WORD_MS)
  local rank, letter = unpack(TOLD[word.state])
  for _, number in ipairs(word.numbers) do
    redis.call('HSET', parts, whole(number) .. '.1', written({
      sid = word.packed, rank = rank, letter = letter, after = math.max(0, now - word.created), attempt = 1}))
  end
end
