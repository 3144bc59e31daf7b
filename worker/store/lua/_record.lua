-- What every act on a record shares: the clock, loading, moving on, saving.

local BUSY = 'every account that can carry it is busy'

local FIRST_LOOK = 5000 -- ms after which an unknown message is looked at: a late answer may come yet

local REPORTED = 259200000 -- ms within which a report may name a message whose answer was lost

local RESENT = 'resent' -- without proof that the submit before was not taken
local PROVEN = 'not found twice: it was not taken'

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function load(id)
  local packed = redis.call('GET', MESSAGE .. id)
  return packed and cmsgpack.unpack(packed)
end

local function save(id, record)
  local packed = cmsgpack.pack(record)
  redis.call('SET', MESSAGE .. id, packed, 'KEEPTTL')
  return packed
end

-- The trail keeps the first step and the last ones; the same wait over again takes no more room,
-- so that waiting never pushes out what the vendors said. That it was resent stays: once is enough.
local function note(trail, step)
  local last, before = trail[#trail], trail[#trail - 1]
  if before and last[2] == 'accepted' and before[2] == 'scheduled' and step[2] == 'scheduled'
    and before[3] == step[3] and before[4] == step[4] then
    trail[#trail] = nil
    trail[#trail] = nil
  elseif #trail >= 24 then
    table.remove(trail, trail[2][4] == RESENT and 3 or 2)
  end
  trail[#trail + 1] = step
end

-- The account that may have taken it before, by a submit whose answer was lost; nil for none.
local function in_doubt(record)
  for index = #record[TRAIL], 1, -1 do
    local step = record[TRAIL][index]
    if step[4] == RESENT then
      return step[3]
    elseif step[4] == PROVEN then
      return nil
    end
  end
  return nil
end

-- The same, even with proof that it didn't, where it waits to be submitted again: what is heard
-- meanwhile is about the time before.
local function waits_in_doubt(record)
  if record[STATUS] ~= 'accepted' and record[STATUS] ~= 'scheduled' then
    return nil
  end
  for index = #record[TRAIL], 1, -1 do
    local step = record[TRAIL][index]
    if step[4] == RESENT or step[4] == PROVEN then
      return step[3]
    elseif step[2] == 'submitting' then
      return nil
    end
  end
  return nil
end

-- Which status a record may take: the one asked for, as the life of a message has it; unknown
-- where it expires or is cancelled and may have been taken before; nil for none.
local function next_status(record, status, reason)
  local before
  if (status == 'expired' or status == 'cancelled') and reason ~= PROVEN then
    before = in_doubt(record)
    status = before and 'unknown' or status
  end
  if not before and not FOLLOWS[record[STATUS]][status] then
    before = FOLLOWS.unknown[status] and waits_in_doubt(record)
    status = before and status or nil
  end
  record[ACCOUNT] = before or record[ACCOUNT]
  return status
end

-- Move a record on, if the life of a message allows it; returns whether it did.
local function move(id, record, status, now, reason, code)
  status = next_status(record, status, reason)
  if not status then
    return false
  end
  if record[STATUS] == 'scheduled' and status ~= 'accepted' then
    redis.call('ZREM', WAITING, id)
  end
  if record[STATUS] == 'unknown' then
    redis.call('ZREM', UNKNOWN, id)
  elseif status == 'unknown' then
    redis.call('ZADD', UNKNOWN, now + FIRST_LOOK, id)
    local lost = LOST .. record[ACCOUNT] .. ':' .. string.sub(record[TO], -11)
    redis.call('ZADD', lost, now, id)
    redis.call('PEXPIRE', lost, REPORTED)
  end
  if status == 'rejected' or status == 'expired' then
    redis.call('ZADD', DEAD, now, id)
    for _, old in ipairs(redis.call('ZRANGE', DEAD, 0, 1)) do -- as many go as come: it can't grow on
      if redis.call('EXISTS', MESSAGE .. old) == 0 then
        redis.call('ZREM', DEAD, old)
      end
    end
  end
  record[STATUS], record[UPDATED], record[REASON] = status, now, reason or ''
  if code then
    record[CODE] = code
  end
  local said = (code and code ~= '' and code .. '\n' or '') .. (reason or '')
  note(record[TRAIL], {now, status, record[ACCOUNT], said, status == 'scheduled' and record[DUE] or nil})
  return true
end

-- The attempt is over, one way or another.
local function close(id, record)
  redis.call('ZREM', OPEN .. record[ACCOUNT], id)
  record[DEADLINE] = 0
end

-- Put a record aside until a time, or end it where that is past its validity.
local function park(id, record, due, now, reason, code)
  if due >= record[EXPIRES] then
    return move(id, record, 'expired', now, reason, code)
  end
  if due <= now then
    redis.call('RPUSH', READY .. record[STREAM], id)
    return move(id, record, 'accepted', now, reason, code)
  end
  record[DUE] = due
  redis.call('ZADD', WAITING, due, id)
  return move(id, record, 'scheduled', now, reason, code)
end

-- The turn in which an account turned the record down last, 1 for the first; nil for never. Under
-- '!' and its name: the record is not for that account at all.
local function avoids(record, account)
  for turn, name in ipairs(record[AVOID]) do
    if name == account then
      return turn
    end
  end
  return nil
end

-- Remember that an account turned it down, as the last one of all.
local function avoid(record, account)
  local turn = avoids(record, account)
  if turn then
    table.remove(record[AVOID], turn)
  end
  record[AVOID][#record[AVOID] + 1] = account
end
