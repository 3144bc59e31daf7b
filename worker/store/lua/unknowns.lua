-- Take unknown messages whose time to be looked at has come, under a lease: should the caller
-- die, they come again. One that a kept report tells of is settled by that.
-- uses: record prompt index report
-- ARGV[1] how many at the most
-- ARGV[2] ms of the lease
-- ARGV[3] ms within which a report is prompt; 0: nobody counts
-- returns the clock in ms, then id and record of each

local now = clock()
local answer = {now}
soon = ARGV[3] ~= '0' and tonumber(ARGV[3])
local ids = redis.call('ZRANGEBYSCORE', UNKNOWN, '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, id in ipairs(ids) do
  local record, again = load(id), false
  if record and record[STATUS] == 'unknown' then
    _, again = adopt_lost(record[ACCOUNT], alias(record), now)
    record = load(id)
  end
  if not record or record[STATUS] ~= 'unknown' then
    redis.call('ZREM', UNKNOWN, id)
  elseif again then
    redis.call('ZADD', UNKNOWN, now + FIRST_LOOK, id)
  else
    redis.call('ZADD', UNKNOWN, now + tonumber(ARGV[2]), id)
    answer[#answer + 1] = id
    answer[#answer + 1] = cmsgpack.pack(record)
  end
end
keep_promptness(now)
return answer
