-- Read what is known of the balances of accounts.
-- uses: record
-- ARGV[1..] accounts
-- returns for each: its hash as a list, its history; before all the clock in ms

local answer = {clock()}
for at = 1, #ARGV do
  answer[#answer + 1] = redis.call('HGETALL', BALANCE .. ARGV[at])
  answer[#answer + 1] = redis.call('LRANGE', HISTORY .. ARGV[at], 0, -1)
end
return answer
