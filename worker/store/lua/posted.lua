-- Note that an endpoint took an event. It is well, unless it said meanwhile that it wants no more.
-- uses: record endpoint
-- ARGV[1] endpoint
-- ARGV[2] id
-- returns 1 where that ended its rest

local endpoint, state = ARGV[1], WEBHOOKS .. ARGV[1]
if remove(endpoint, ARGV[2]) == 1 then
  redis.call('HINCRBY', state, 'delivered', 1)
end
redis.call('HSET', state, 'last_success', clock())
local found = redis.call('HMGET', state, 'gone', 'rest')
if found[1] then
  return 0
end
wake(endpoint)
return found[2] and 1 or 0
