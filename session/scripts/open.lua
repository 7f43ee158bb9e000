-- Open: make the session and the waiting messages visible before the model is asked.
-- KEYS claim customer inbox placed sessions history parts active closed deadlines events sequence
-- ARGV cid token plan retention_ms
--   plan JSON: closing: changes of sessions that end here; session: the change of the one
--   that goes on (see _put_session.lua); entries: message numbers to place in it; last: how many earlier
--   messages the model is shown
-- Returns {OK, session number, version, elements, parts}: the earlier messages as _tail.lua gives them
--         {LOST}: the claim is not ours any more;  {CONFLICT}: somebody wrote a session meanwhile
-- Safe to repeat: every write carries its nonce, and a message is placed once.
plan = cjson.decode(plan)
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
for _, change in ipairs(plan.closing) do
  if stale(change) then
    return {'CONFLICT'}
  end
end
-- A new session may take the place of one that this very step closes, and of no other.
local taken = plan.session.no == 0 and redis.call('HGET', customer, 'open:' .. plan.session.opened_as)
local makes_room = false
for _, change in ipairs(plan.closing) do
  makes_room = makes_room or (not change.is_open and taken == whole(change.no)
    and change.opened_as == plan.session.opened_as)
end
if not makes_room and stale(plan.session) then
  return {'CONFLICT'}
end
for _, change in ipairs(plan.closing) do
  put_session(change)
end
local no = put_session(plan.session)
local name = whole(no)
local skip = {}
for _, number in ipairs(plan.entries) do
  skip[whole(number)] = true
end
for _, entry in ipairs(#plan.entries > 0 and redis.call('LRANGE', inbox, 0, -1) or {}) do
  local number, record = string.match(entry, '^(%d+) %S+ %S+ (.*)$')
  local before = skip[number] and redis.call('HGET', placed, number)
  if skip[number] and before ~= name .. ':' then
    local element = number .. ':' .. record
    if before then
      redis.call('LREM', history, -1, before .. element)
    end
    redis.call('HSET', placed, number, name .. ':')
    redis.call('RPUSH', history, name .. ':' .. element)
  end
end
redis.call('HSET', customer, 'last_session', name)
keep_alive(retention_ms)
-- A session that this step made has no earlier messages: nothing to walk the history for.
local earlier = plan.session.no ~= 0 and tail(name, plan.last, skip) or {{}, {}}
return {'OK', no, plan.session.version + 1, earlier[1], earlier[2]}
