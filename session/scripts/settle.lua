-- Move a part from one of the expected states to another, with what was learnt.
-- KEYS claim parts outbox failures dead resolved
-- ARGV cid token number expected state wait_ms changes failure retention_ms
--   expected  JSON list of states;  wait_ms  how long from now it must not be looked at
--   changes   JSON object merged into the part;  failure  JSON record for a person, or ''
-- Returns {OK}, {LOST}, {GONE} or {STATE, state}. Safe to repeat: then the state is not the expected one.
local part, refusal = expected_part()
if not part then
  return refusal
end
local now = clock()
part.state, part.token = state, nil
part.not_before = now + tonumber(wait_ms)
for field, changed in pairs(cjson.decode(changes)) do
  part[field] = changed
end
redis.call('HSET', parts, number, written(part))
if state == 'failed' or state == 'dead' then
  redis.call('LREM', outbox, 0, number)
end
note_failure(failure, now, part.session)
keep_alive(retention_ms)
return {'OK'}
