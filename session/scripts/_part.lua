-- Shared by all that read or write reply parts. While a part is owed, or was given up, it is JSON with its text.
-- Once Twilio took it, it is "sid:delivery:sent:error:attempts", empty fields at the end left out:
--   sid    packed;  delivery  rank and letter of the furthest status told, "4d"; "0" before any
--   sent   ms after its message was recorded;  error  Twilio's code;  attempts  requests made for it, empty for one
local function part_of(value)
  if string.byte(value) == 123 then
    return cjson.decode(value)
  end
  local fields = {}
  for field in string.gmatch(value .. ':', '([^:]*):') do
    fields[#fields + 1] = field
  end
  return {state = 'sent', sid = fields[1], rank = tonumber(string.sub(fields[2] or '', 1, 1)) or 0,
    letter = string.sub(fields[2] or '', 2), after = tonumber(fields[3]) or 0,
    error = tonumber(fields[4]), attempt = tonumber(fields[5]) or 1}
end

-- How a part is stored.
local function written(part)
  if not part.sid then
    return cjson.encode(part)
  end
  local value = table.concat({part.sid, part.rank .. part.letter, whole(part.after),
    part.error and whole(part.error) or '', part.attempt ~= 1 and whole(part.attempt) or ''}, ':')
  return (string.gsub(value, ':+$', ''))
end

-- Twilio took this part: of what was owed only this is kept.
local function accept(part, sid, now)
  local recorded_at = part.recorded or part.created or now
  return {state = 'sent', sid = sid, rank = 0, letter = '', after = math.max(0, now - recorded_at),
    error = part.error, attempt = part.attempt or 0}
end

-- The number of the part that is bound to a SID, or nil. Looks at all of them: asked where nobody tells the number.
local function bound_to(sid)
  local flat = redis.call('HGETALL', parts)
  for i = 2, #flat, 2 do
    if string.match(flat[i], '^[^:]*') == sid then
      return flat[i - 1]
    end
  end
  return nil
end
