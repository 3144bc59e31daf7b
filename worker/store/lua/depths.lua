-- Read how much work lies where.
-- uses: record
-- ARGV[1..] streams
-- returns the clock in ms; how many wait, when the first is due in ms, how many are due already; how
--         many are unknown, dead, in the spool, unreadable; then for each stream how many are ready,
--         when the first became so in ms, rings on its queue. No time is 0.

local now = clock()
local first = redis.call('ZRANGE', WAITING, 0, 0, 'WITHSCORES')
local answer = {
  now, redis.call('ZCARD', WAITING), tonumber(first[2]) or 0, redis.call('ZCOUNT', WAITING, '-inf', now),
  redis.call('ZCARD', UNKNOWN), redis.call('ZCARD', DEAD), redis.call('XLEN', SPOOL),
  redis.call('XLEN', UNREADABLE),
}
for at = 1, #ARGV do
  local list = READY .. ARGV[at]
  local head = redis.call('LRANGE', list, 0, 0)[1]
  local record = head and load(head)
  answer[#answer + 1] = redis.call('LLEN', list)
  answer[#answer + 1] = record and record[STATUS] == 'accepted' and record[UPDATED] or 0
  answer[#answer + 1] = redis.call('LLEN', QUEUE .. ARGV[at])
end
return answer
