-- Read what it takes to explain one message: its record, and what the lists know of it.
-- uses: record
-- ARGV[1] id
-- ARGV[2..] accounts
-- returns {clock in ms, its record, when it is looked at as unknown (0: never again), '1' where it
--         is a dead letter, then until when each account is left alone (0: it is not), and why};
--         nothing where there is no such message

local packed = redis.call('GET', MESSAGE .. ARGV[1])
if not packed then
  return {}
end
local now = clock()
local look = tonumber(redis.call('ZSCORE', UNKNOWN, ARGV[1])) or 0
if look > now + redis.call('PTTL', MESSAGE .. ARGV[1]) then
  look = 0
end
local answer = {now, packed, look, redis.call('ZSCORE', DEAD, ARGV[1]) and 1 or 0}
for at = 2, #ARGV do
  local kept = redis.call('HMGET', STATE .. ARGV[at], 'down', 'why')
  answer[#answer + 1] = tonumber(kept[1]) or 0
  answer[#answer + 1] = kept[2] or ''
end
return answer
