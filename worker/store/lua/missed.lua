-- Note that an endpoint did not take an event: it waits for another try, or is given up.
-- uses: record endpoint
-- ARGV[1] endpoint
-- ARGV[2] id
-- ARGV[3] its tries before this one
-- ARGV[4] ms until it is tried again
-- ARGV[5] ms after which it is given up
-- ARGV[6] when the try began, by this clock
-- ARGV[7] why
-- ARGV[8] 'gone' where the endpoint wants no more; else ms for which it asks to be left alone, or 0
-- ARGV[9] failures in a row after which the endpoint rests
-- ARGV[10] ms that it rests at first; doubles each time
-- ARGV[11] ms that it rests at the most
-- returns 1 where the event is given up, and ms that the endpoint rests from now on, 0 for not

local endpoint, id, now = ARGV[1], ARGV[2], clock()
local state, held, given_up = WEBHOOKS .. endpoint, WEBHOOK_HELD .. endpoint, 0
redis.call('HINCRBY', state, 'failed', 1)
redis.call('HSET', state, 'last_failure', now, 'reason', ARGV[7])

local packed = redis.call('HGET', held, id)
local event = packed and cmsgpack.unpack(packed)
if event and event[2] == tonumber(ARGV[3]) then -- else this was told before
  local again = now + ARGV[4]
  if again - event[1] >= tonumber(ARGV[5]) then
    given_up = lose(endpoint, {id}, 'given_up', now)
  else
    redis.call('HSET', held, id, cmsgpack.pack({event[1], event[2] + 1, event[3]}))
    redis.call('ZADD', WEBHOOK_DUE .. endpoint, again, id)
  end
end

if ARGV[8] == 'gone' then
  redis.call('HSET', state, 'gone', now)
  return {given_up, 0}
end
local rested = tonumber(redis.call('HGET', state, 'rested') or '') or 0
if tonumber(ARGV[6]) < rested then -- it began before the rest did, so it tells nothing new
  return {given_up, 0}
end
local rest = tonumber(ARGV[8])
if redis.call('HINCRBY', state, 'misses', 1) >= tonumber(ARGV[9]) then
  local strikes = redis.call('HINCRBY', state, 'strikes', 1)
  rest = math.max(rest, math.min(ARGV[10] * 2 ^ (strikes - 1), tonumber(ARGV[11])))
end
if rest > 0 then
  redis.call('HSET', state, 'rest', now + rest, 'rested', now)
end
return {given_up, rest}
