-- The memory of one number at one account: six bytes of a time until which it is blocked, then
-- six bytes a message taken, oldest first, in milliseconds. It keeps as many as the largest
-- count asks for, and is gone when the longest window is over.

local DAY, BEIJING = 86400000, 28800000

local function midnight(now)
  return math.floor((now + BEIJING) / DAY) * DAY + DAY - BEIJING
end

local function number_key(account, alias)
  return NUMBER .. account .. ':' .. alias
end

local function pack_time(time)
  return struct.pack('>I6', time)
end

local function time_at(memory, index)
  return (struct.unpack('>I6', memory, index * 6 + 1))
end

-- The time at which one more fits every window; nil when it fits now.
local function fits_at(memory, windows, now)
  if memory == '' then
    return nil
  end
  local at, taken = time_at(memory, 0), #memory / 6 - 1
  for _, window in ipairs(windows) do
    local count, span = window[1], window[2]
    if taken >= count then
      local oldest = time_at(memory, taken - count + 1)
      local free = span == 0 and midnight(oldest) or oldest + span
      at = math.max(at, free)
    end
  end
  return at > now and at or nil
end

local function keep_until(memory, windows, now)
  local last, keep = time_at(memory, #memory / 6 - 1), time_at(memory, 0)
  if #memory > 6 then
    for _, window in ipairs(windows) do
      keep = math.max(keep, window[2] == 0 and midnight(last) or last + window[2])
    end
  end
  return math.max(keep - now, 0)
end

local function remember(key, memory, windows, now)
  local life = keep_until(memory, windows, now)
  if life == 0 then
    redis.call('DEL', key)
  else
    redis.call('SET', key, memory, 'PX', life)
  end
end

local function take(key, memory, windows, now)
  local most = 0
  for _, window in ipairs(windows) do
    most = math.max(most, window[1])
  end
  if memory == '' then
    memory = pack_time(0)
  end
  local first = math.max(7, #memory + 6 - most * 6 + 1)
  memory = string.sub(memory, 1, 6) .. string.sub(memory, first) .. pack_time(now)
  remember(key, memory, windows, now)
end

-- The memory without the message taken at a time; nil where it does not know it (any more).
local function without(memory, time)
  for index = #memory / 6 - 1, 1, -1 do
    if time_at(memory, index) == time then
      return string.sub(memory, 1, index * 6) .. string.sub(memory, index * 6 + 7)
    end
  end
  return nil
end

-- Give a record's place in the windows back, and learn until when the number is blocked, or 0.
local function give_back(record, windows, blocked, now)
  if record[SLOT] == 0 and blocked == 0 then
    return
  end
  local key = number_key(record[ACCOUNT], alias(record))
  local memory = redis.call('GET', key) or pack_time(0)
  memory = without(memory, record[SLOT]) or memory
  memory = pack_time(math.max(time_at(memory, 0), blocked)) .. string.sub(memory, 7)
  record[SLOT] = 0
  remember(key, memory, windows, now)
end
