-- Shared by commit and write: a reply stands in the history, and its parts wait to be sent. Gives its number.
-- `known` are the customer's fields ours and address.
local function owe(no, reply, known, now)
  local number = whole(redis.call('INCR', sequence))
  redis.call('RPUSH', history, no .. ':' .. number .. ':' .. recorded(reply.record, now, known[1], known[2]))
  for i, part in ipairs(reply.parts) do
    part.message = tonumber(number)
    part.session = tonumber(no)
    part.created = now
    redis.call('HSET', parts, number .. '.' .. i, written(part))
    redis.call('RPUSH', outbox, number .. '.' .. i)
  end
  return number
end
