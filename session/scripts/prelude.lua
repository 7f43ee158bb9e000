-- Shared by every script; the loader puts it, and locals for the names in the
-- script's KEYS and ARGV lines, in front of the script's own text.

-- All time is Redis' own: workers' clocks may be wrong.
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- Numbers as whole decimals, whatever Lua's own rule for printing floats is.
local function whole(number)
  return string.format('%.0f', number)
end

-- Sliding life of everything we hold about a customer.
local function keep_alive(retention_ms)
  for _, key in ipairs(customer_keys) do
    redis.call('PEXPIRE', key, retention_ms)
  end
end

-- A stored session is "version:epoch:write:record"; only Python reads the record.
local function session_head(value)
  local version, epoch, write = string.match(value, '^(%d+):(%d+):([^:]*):')
  return tonumber(version), tonumber(epoch), write
end
