-- Slow an account down that says we are too fast: half of what is in flight there is its new
-- limit, which grows back by itself. A second complaint within a second is about the same burst.
-- uses: record
-- ARGV[1] account
-- returns the new limit; 0 where it was halved just now

local key, now = STATE .. ARGV[1], clock()
if now - (tonumber(redis.call('HGET', key, 'limited')) or 0) < 1000 then
  return 0
end
local limit = math.max(1, math.floor(redis.call('ZCARD', OPEN .. ARGV[1]) / 2))
redis.call('HSET', key, 'limit', limit, 'limited', string.format('%.0f', now))
redis.call('SADD', ACCOUNTS, ARGV[1])
return limit
