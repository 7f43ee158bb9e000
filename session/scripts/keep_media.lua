-- Keep what was made of the media of a turn's messages.
-- KEYS claim media
-- ARGV token records keep_ms
--   records  JSON list of message number and record, one after the other;  keep_ms  how long, from the last of them
-- Returns {OK} or {LOST}: the claim is not ours any more, so nothing of a forgotten customer comes back
-- Safe to repeat: the same records again.
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
records = cjson.decode(records)
for i = 1, #records, 2 do
  redis.call('HSET', media, records[i], records[i + 1])
end
redis.call('PEXPIRE', media, keep_ms)
return {'OK'}
