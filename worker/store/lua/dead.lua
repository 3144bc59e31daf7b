-- List dead letters, the newest first: messages that ended without being taken.
-- uses: record
-- ARGV[1] not older than, ms since 1970
-- ARGV[2] not newer than, ms since 1970; or '+inf' on the first page
-- ARGV[3] offset: how many the pages before had
-- ARGV[4] how many at the most
-- returns the clock in ms, '1' where this is the last page, then id and record of each; what has
--         no record any more is dropped from the list

local ids = redis.call('ZREVRANGEBYSCORE', DEAD, ARGV[2], ARGV[1], 'LIMIT', ARGV[3], ARGV[4])
local answer = {clock(), #ids < tonumber(ARGV[4]) and 1 or 0}
for _, id in ipairs(ids) do
  local packed = redis.call('GET', MESSAGE .. id)
  if packed then
    answer[#answer + 1] = id
    answer[#answer + 1] = packed
  else
    redis.call('ZREM', DEAD, id)
  end
end
return answer
