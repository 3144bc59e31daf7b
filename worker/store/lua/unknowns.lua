-- Take unknown messages whose time to be looked at has come, under a lease: should the caller
-- die, they come again.
-- uses: record report
-- ARGV[1] how many at the most
-- ARGV[2] ms of the lease
-- returns the clock in ms, then id and record of each

local now = clock()

-- When the attempt began whose answer was lost.
local function began(record)
  local trail = record[TRAIL]
  for index = #trail, 1, -1 do
    if trail[index][2] == 'submitting' then
      return trail[index][1]
    end
  end
  return record[CREATED]
end

local answer = {now}
local ids = redis.call('ZRANGEBYSCORE', UNKNOWN, '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(ids) do
  local record = load(id)
  if record and record[STATUS] == 'unknown' and not adopt_lost(id, record, began(record), now) then
    redis.call('ZADD', UNKNOWN, now + tonumber(ARGV[2]), id)
    answer[#answer + 1] = id
    answer[#answer + 1] = cmsgpack.pack(record)
  else
    redis.call('ZREM', UNKNOWN, id)
  end
end
return answer
