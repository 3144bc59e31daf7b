-- Resume an endpoint: its rest is over, and what waits for a later try is due now.
-- uses: record endpoint
-- ARGV[1] endpoint
-- ARGV[2] ms within which what is due stays as it is: it may be on its way
-- returns {1 where it rested, how many are due sooner}

local endpoint, now = ARGV[1], clock()
local due, state = WEBHOOK_DUE .. endpoint, WEBHOOKS .. endpoint
local later = redis.call('ZRANGEBYSCORE', due, '(' .. string.format('%.0f', now + ARGV[2]), '+inf')
for _, id in ipairs(later) do
  redis.call('ZADD', due, now, id)
end
local rested = redis.call('HEXISTS', state, 'gone') + redis.call('HEXISTS', state, 'rest')
wake(endpoint)
return {rested > 0 and 1 or 0, #later}
