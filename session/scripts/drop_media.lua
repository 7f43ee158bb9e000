-- Drop what was made of media that came too long ago.
-- KEYS media
-- ARGV keep_ms
-- Returns {OK}. Safe to repeat.
local now = clock()
local stored = redis.call('HGETALL', media)
for i = 1, #stored, 2 do
  if cjson.decode(stored[i + 1]).at + tonumber(keep_ms) <= now then
    redis.call('HDEL', media, stored[i])
  end
end
return {'OK'}
