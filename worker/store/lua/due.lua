-- Draw what is due at an endpoint: out of sight for a while, so that a killed worker loses none.
-- uses: record endpoint
-- ARGV[1] endpoint
-- ARGV[2] how many at the most
-- ARGV[3] how many posts are open there: where it rested, one at a time tells whether it is well
-- ARGV[4] ms out of sight
-- ARGV[5] ms after which an event is given up
-- ARGV[6] digest of the endpoint's settings: where they changed, its rest is over
-- returns {now, ms until there may be more, how many were given up, then id, tries and body of each}

local endpoint, most, now = ARGV[1], tonumber(ARGV[2]), clock()
local due, held, state = WEBHOOK_DUE .. endpoint, WEBHOOK_HELD .. endpoint, WEBHOOKS .. endpoint

if redis.call('HGET', state, 'settings') ~= ARGV[6] then
  redis.call('HSET', state, 'settings', ARGV[6])
  wake(endpoint)
end
-- An event is due within its life, so these are past it.
local old = redis.call('ZRANGEBYSCORE', due, '-inf', now - ARGV[5], 'LIMIT', 0, 1000)
local answer = {now, 1000, lose(endpoint, old, 'given_up', now)}

local found = redis.call('HMGET', state, 'gone', 'rest')
local rest = tonumber(found[2] or '') or 0
if found[1] then
  return answer
elseif rest > now then
  answer[2] = math.min(rest - now, 1000)
  return answer
elseif rest > 0 then
  most = ARGV[3] == '0' and 1 or 0
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)) do
  local packed = redis.call('HGET', held, id)
  local event = packed and cmsgpack.unpack(packed)
  if not event then
    redis.call('ZREM', due, id)
  elseif now - event[1] >= tonumber(ARGV[5]) then
    answer[3] = answer[3] + lose(endpoint, {id}, 'given_up', now)
  else
    redis.call('ZADD', due, now + ARGV[4], id)
    answer[#answer + 1] = id
    answer[#answer + 1] = event[2]
    answer[#answer + 1] = event[3]
  end
end
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2]
if first and most > 0 then
  answer[2] = math.max(1, math.min(first - now, 1000))
end
return answer
