-- Delivery reports: matching one to its message, or keeping it until its message is known.
-- Needs the part: record.

local function early_key(account, to)
  return EARLY .. account .. ':' .. string.sub(to, -11)
end

-- Move a message on by a report; returns 'applied', or 'late' where its status is further on.
local function apply(id, record, status, code, reason, now)
  local was_open = record[STATUS] == 'submitting'
  if record[STATUS] == status or not move(id, record, status, now, reason, code) then
    return 'late'
  end
  if was_open then
    close(id, record)
  end
  save(id, record)
  return 'applied'
end

-- Apply a report that came before its message had the vendor's id; returns whether there was one.
local function adopt_early(id, record, vendor_id, now)
  local key = early_key(record[ACCOUNT], record[TO])
  local kept = redis.call('HGET', key, vendor_id)
  if not kept then
    return false
  end
  redis.call('HDEL', key, vendor_id)
  local report = cmsgpack.unpack(kept)
  return apply(id, record, report[1], report[2], report[3], now) == 'applied'
end

-- Apply a report to a message whose answer, and with it the vendor's id, was lost: one to the same
-- number at the same account that came since the attempt began.
local function adopt_lost(id, record, began, now)
  local key = early_key(record[ACCOUNT], record[TO])
  local kept = redis.call('HGETALL', key)
  for at = 1, #kept, 2 do
    local report = cmsgpack.unpack(kept[at + 1])
    if report[4] >= began then
      redis.call('HDEL', key, kept[at])
      record[VENDOR_MESSAGE_ID] = kept[at]
      return apply(id, record, report[1], report[2], report[3], now) == 'applied'
    end
  end
  return false
end
