-- List dead letters, the newest first: messages that ended without being taken.
-- uses: record
-- ARGV[1] not older than, ms since 1970
-- ARGV[2] offset
-- ARGV[3] how many at the most
-- returns id and record of each; what has no record any more is dropped from the list

local answer = {}
local ids = redis.call('ZREVRANGEBYSCORE', DEAD, '+inf', ARGV[1], 'LIMIT', ARGV[2], ARGV[3])
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
