-- Give a reply up from one of its parts on: this part, and those behind it, which alone would be half a sentence.
-- KEYS claim parts outbox failures dead resolved
-- ARGV cid token number expected state changes failure retention_ms
--   expected  JSON list of states;  state  failed or dead;  changes  JSON object merged into the part
--   failure   JSON record for a person, or ''
-- Returns {OK}, {LOST}, {GONE} or {STATE, state}. Safe to repeat: then the state is not the expected one.
local part, refusal = expected_part()
if not part then
  return refusal
end
local now, session = clock(), part.session

local function give_up(name, record)
  record.token, record.not_before = nil, 0
  redis.call('HSET', parts, name, written(record))
  redis.call('LREM', outbox, 0, name)
end

for field, changed in pairs(cjson.decode(changes)) do
  part[field] = changed
end
part.state = state
give_up(number, part)
local message, index = string.match(number, '^(%d+)%.(%d+)$')
index = tonumber(index)
repeat
  index = index + 1
  local name = message .. '.' .. index
  local value = redis.call('HGET', parts, name)
  part = value and part_of(value)
  if part and part.state == 'pending' then
    part.state, part.refused = 'failed', 'earlier_part_failed'
    give_up(name, part)
  end
until not value
note_failure(failure, now, session)
keep_alive(retention_ms)
return {'OK'}
