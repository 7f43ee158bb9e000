-- Shared by commit, write and call_end. `known` are the customer's fields ours and address.

-- A reply stands in the history. Gives its number.
local function say(no, reply, known, now)
  local number = whole(redis.call('INCR', sequence))
  redis.call('RPUSH', history, no .. ':' .. number .. ':' .. recorded(reply.record, now, known[1], known[2]))
  return number
end

-- The same, and its parts wait to be sent.
local function owe(no, reply, known, now)
  local number = say(no, reply, known, now)
  for i, part in ipairs(reply.parts) do
    part.message = tonumber(number)
    part.session = tonumber(no)
    part.created = now
    redis.call('HSET', parts, number .. '.' .. i, written(part))
    redis.call('RPUSH', outbox, number .. '.' .. i)
  end
  return number
end
