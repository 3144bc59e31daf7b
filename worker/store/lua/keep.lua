-- Keep the shares that were granted, from now on in force; those of an older grant come too late.
-- ARGV[1] the grant's version
-- ARGV[2] until when they hold, ms since 1970
-- ARGV[3..] two an account: name, share
-- returns 1 where they are in force

if tonumber(redis.call('HGET', SHARES, 'version') or '0') > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', SHARES, 'version', ARGV[1], 'until', ARGV[2])
for at = 3, #ARGV, 2 do
  redis.call('HSET', SHARES, 'part:' .. ARGV[at], ARGV[at + 1])
end
return 1
