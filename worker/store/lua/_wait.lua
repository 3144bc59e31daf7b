-- Waiting: a record is put aside until its time, and remembers the accounts that turned it down.
-- Needs the part: record.

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
