-- The last gate before Twilio: pending -> sending, unless it must not go any more.
-- KEYS claim customer sessions parts
-- ARGV cid token number optout window window_ms part_limit_ms
--   window  field of the customer's hash that tells when they were last heard on a lane with a window, '' for a template
-- Returns {GO, now, attempt}: send it now
--         {LOST}: the claim is not ours any more
--         {REFUSED, reason}: opted_out, overtaken (a person stepped in), expired, gone, outside_window; it must not be sent
--         {STATE, state}: not pending: reconcile first
-- Safe to repeat: sending under the same token is GO again, and not counted again.
if redis.call('GET', claim) ~= token then
  return {'LOST'}
end
local value = redis.call('HGET', parts, number)
if not value then
  return {'REFUSED', 'gone'}
end
local now, part = clock(), part_of(value)
if part.state == 'sending' and part.token == token then
  return {'GO', now, part.attempt}
end
if part.state ~= 'pending' then
  return {'STATE', part.state}
end
if redis.call('HEXISTS', customer, optout) == 1 then
  return {'REFUSED', 'opted_out'}
end
local session = redis.call('HGET', sessions, whole(part.session))
if not session then
  return {'REFUSED', 'gone'}
end
local _, epoch = session_head(session)
if epoch ~= part.epoch then
  return {'REFUSED', 'overtaken'}
end
if now - part.created > tonumber(part_limit_ms) then
  return {'REFUSED', 'expired'}
end
local heard = window ~= '' and redis.call('HGET', customer, window)
if heard and now - tonumber(heard) > tonumber(window_ms) then
  return {'REFUSED', 'outside_window'}
end
part.state, part.token, part.sending_at, part.attempt = 'sending', token, now, part.attempt + 1
part.first_sending_at = part.first_sending_at or now
redis.call('HSET', parts, number, written(part))
return {'GO', now, part.attempt}
