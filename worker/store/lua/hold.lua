-- Hold events for an endpoint until they are posted. One that is held already stays as it is.
-- uses: record endpoint
-- ARGV[1] endpoint
-- ARGV[2] how many it may have waiting
-- ARGV[3] ms after which all of it is forgotten, where nobody comes for it
-- ARGV[4..] two an event: id, body
-- returns how many were dropped, beyond what may wait: those that were due first

local endpoint, now = ARGV[1], clock()
local due, held = WEBHOOK_DUE .. endpoint, WEBHOOK_HELD .. endpoint
for at = 4, #ARGV, 2 do
  if redis.call('HEXISTS', held, ARGV[at]) == 0 then
    redis.call('HSET', held, ARGV[at], cmsgpack.pack({now, 0, ARGV[at + 1]}))
    redis.call('ZADD', due, now - 1 + at / 4000, ARGV[at]) -- in the order in which they came
  end
end
redis.call('PEXPIRE', due, ARGV[3])
redis.call('PEXPIRE', held, ARGV[3])
local over = redis.call('ZCARD', due) - ARGV[2]
if over <= 0 then
  return 0
end
return lose(endpoint, redis.call('ZRANGE', due, 0, over - 1), 'dropped', now)
