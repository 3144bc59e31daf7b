-- Note that a worker process is alive, and how it does; or that it ends.
-- uses: record
-- ARGV[1] its name
-- ARGV[2] ms that what it says of itself is kept; 0: it ends
-- ARGV[3] ms after which one that is silent is forgotten
-- ARGV[4..] name and value of each thing that it says of itself
-- returns Redis's clock in ms

local name, life, now = ARGV[1], tonumber(ARGV[2]), clock()
local key = HEARTBEAT .. name
if life == 0 then
  redis.call('DEL', key)
  redis.call('ZREM', WORKERS, name)
  return now
end
redis.call('HSET', key, unpack(ARGV, 4, #ARGV))
redis.call('PEXPIRE', key, life)
redis.call('ZADD', WORKERS, now, name)
redis.call('PEXPIRE', WORKERS, ARGV[3])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, '-inf', now - tonumber(ARGV[3]))) do
  redis.call('ZREM', WORKERS, old)
end
return now
