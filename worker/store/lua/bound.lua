-- Bound the recipients of one call of an account that refused one with more; a smaller bound that
-- holds already stays as it is.
-- uses: record bound
-- ARGV[1] account
-- ARGV[2] recipients
-- ARGV[3] ms for which that holds
-- returns the bound that holds now

local key, most, now = STATE .. ARGV[1], tonumber(ARGV[2]), clock()
local kept = redis.call('HMGET', key, 'bound', 'bounded')
local before = bound(kept[1], kept[2], now)
if before and before <= most then
  return before
end
redis.call('HSET', key, 'bound', most, 'bounded', string.format('%.0f', now + tonumber(ARGV[3])))
redis.call('SADD', ACCOUNTS, ARGV[1])
return most
