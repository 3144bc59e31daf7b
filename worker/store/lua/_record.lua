-- What every act on a record shares: the clock, moving on, saving, telling what happened.
-- uses: trail load

local BUSY = 'every account that can carry it is busy'
local FIRST_LOOK = 5000 -- ms after which an unknown message is looked at: a late answer may come yet
local REPORTED = 259200000 -- ms within which a report may name a message whose answer was lost

-- After these nobody needs the text. A dead letter (rejected, expired) keeps it for a replay.
local SAID = {delivered = true, undelivered = true, cancelled = true, suppressed = true}

-- What a message waits for is not told, and an open attempt is not: its answer will be.
local SILENT = {accepted = true, scheduled = true, submitting = true}

local moved, kept, texts_kept = {}, nil, nil

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- How many events are kept, about: looked up, and kept to, once a script and where one happens.
local function most_kept()
  if not kept then
    kept = tonumber(redis.call('GET', EVENTS_KEPT) or '') or KEPT
    redis.call('XTRIM', EVENTS, 'MAXLEN', '~', kept)
  end
  return kept
end

local function masked(number)
  if #number == 14 and string.sub(number, 1, 3) == '+86' then
    return string.sub(number, 1, 6) .. '****' .. string.sub(number, -4)
  end
  local bare = #number == 11 and string.sub(number, 1, 1) ~= '+'
  return bare and '+86' .. string.sub(number, 1, 3) .. '****' .. string.sub(number, -4) or '****'
end

-- Tell of the status that a record has.
local function tell(id, record)
  if most_kept() > 0 then
    redis.call('XADD', EVENTS, '*', 'e', cmsgpack.pack({
      record[STATUS], id, record[STREAM], record[ACCOUNT] or '', masked(record[TO]), record[TAG],
      record[REASON] or '', record[CODE] or '', record[ATTEMPTS] or 0, record[SEGMENTS],
      record[VENDOR_MESSAGE_ID] or '',
    }))
  end
end

-- What stands for a record's number in names of keys; a record of old has none.
local function alias(record)
  local known = record[ALIAS]
  return known and known ~= '' and known or string.sub(record[TO], -11)
end

-- Nobody needs a record's text any more: it is removed, now or as much later as the setting says.
local function outlive(id, record, now)
  texts_kept = texts_kept or tonumber(redis.call('GET', TEXTS_KEPT) or '') or 0
  if texts_kept == 0 then
    record[CONTENT] = ''
  elseif texts_kept > 0 then
    redis.call('ZADD', OUTLIVED, now + texts_kept, id)
  end
end

-- Save a record; where it moved, this is told now, with all that was written to it besides.
local function save(id, record)
  local packed = cmsgpack.pack(record)
  redis.call('SET', MESSAGE .. id, packed, 'KEEPTTL')
  if moved[record] then
    moved[record] = nil
    tell(id, record)
  end
  return packed
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
  if record[STATUS] == 'unknown' and status ~= 'unknown' then
    redis.call('ZREM', UNKNOWN, id)
  elseif status == 'unknown' and record[STATUS] ~= 'unknown' then
    redis.call('ZADD', UNKNOWN, now + FIRST_LOOK, id)
    local lost = LOST .. record[ACCOUNT] .. ':' .. alias(record)
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
  moved[record] = not SILENT[status] or nil
  if SAID[status] then
    outlive(id, record, now)
  end
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
