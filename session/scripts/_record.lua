-- Shared by receive, commit and write: a message is recorded with its time (ms, base 36), and without the addresses that the
-- customer's hash tells: the first of our numbers they reached, and their own. See session/records.py.
local function base36(number)
  local digits, text = '0123456789abcdefghijklmnopqrstuvwxyz', ''
  repeat
    local digit = number % 36 + 1
    text = string.sub(digits, digit, digit) .. text
    number = math.floor(number / 36)
  until number == 0
  return text
end

local function recorded(record, now, ours, theirs)
  local head, to, from, rest = string.match(record, '^([^:]*):([^:]*):([^:]*):(.*)$')
  return table.concat({base36(now), head, to == ours and '' or to, from == theirs and '' or from, rest}, ':')
end
