-- Take a lease, keep it for longer, or give it back: only one holder has it.
-- ARGV[1] its key
-- ARGV[2] the holder's token
-- ARGV[3] ms that it lasts from now; 0: give it back
-- returns 1 where the holder has it now, or had it when it gave it back

local holder = redis.call('GET', ARGV[1])
if holder and holder ~= ARGV[2] then
  return 0
elseif ARGV[3] ~= '0' then
  redis.call('SET', ARGV[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return redis.call('DEL', ARGV[1])
