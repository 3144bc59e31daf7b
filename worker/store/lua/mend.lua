-- Mend the breaker of an account whose balance says that it is well: the next message goes there
-- at once, alone, and when that is taken all of them do. The account said so too often, and took
-- no message: then it is left alone as long as its breaker says.
-- uses: record
-- ARGV[1] account
-- ARGV[2] how often its balance is believed
-- returns 1 where it was left alone until now, 0 otherwise

local key, now = STATE .. ARGV[1], clock()
local kept = redis.call('HMGET', key, 'down', 'passed')
if (tonumber(kept[1]) or 0) <= now or (tonumber(kept[2]) or 0) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', key, 'down', string.format('%.0f', now))
redis.call('HINCRBY', key, 'passed', 1)
return 1
