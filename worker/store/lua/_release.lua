-- What is due goes from the waiting set to its ready list, in order of its time: to the end, but
-- what waited for a busy account had been at the front before, and goes back there.
-- Needs the part: record.

-- Who lost its place most often comes first: else those behind would overtake it again and again.
local function unlucky_first(one, other)
  if one.waits ~= other.waits then
    return one.waits > other.waits
  end
  return one.at < other.at
end

local function release(most, now)
  local counts, woken, front = {released = 0, dropped = 0}, {}, {}
  local ids = redis.call('ZRANGEBYSCORE', WAITING, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    redis.call('ZREM', WAITING, id)
    local record = load(id)
    if record and record[STATUS] == 'scheduled' then
      local busy = record[REASON] == BUSY
      move(id, record, 'accepted', now, busy and BUSY or '')
      save(id, record)
      if busy then
        front[#front + 1] = {ready = READY .. record[STREAM], id = id, waits = record[WAITS], at = #front}
      else
        redis.call('RPUSH', READY .. record[STREAM], id)
      end
      woken[record[STREAM]] = true
      counts.released = counts.released + 1
    else
      counts.dropped = counts.dropped + 1
    end
  end
  table.sort(front, unlucky_first)
  for index = #front, 1, -1 do
    redis.call('LPUSH', front[index].ready, front[index].id)
  end
  counts.more = #ids == most
  return counts, woken
end

-- The time of the next one, where that is soon; nil otherwise.
local function due_soon(now)
  local first = tonumber(redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')[2])
  return first and first < now + 1000 and first or nil
end
