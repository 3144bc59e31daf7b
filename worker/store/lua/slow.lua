-- Slow an account down that says we are too fast: half of what is in flight there is its new
-- limit, which grows back by itself. What began before it was halved is about the same burst, and
-- so is a second complaint within a second.
-- uses: record
-- ARGV[1] account
-- ARGV[2] when the attempt began that it complained about, ms since 1970
-- returns the new limit; 0 where it was halved for this burst

local key, now = STATE .. ARGV[1], clock()
local limited = tonumber(redis.call('HGET', key, 'limited')) or 0
if now - limited < 1000 or tonumber(ARGV[2]) <= limited then
  return 0
end
local limit = math.max(1, math.floor(redis.call('ZCARD', OPEN .. ARGV[1]) / 2))
redis.call('HSET', key, 'limit', limit, 'limited', string.format('%.0f', now))
redis.call('SADD', ACCOUNTS, ARGV[1])
return limit
