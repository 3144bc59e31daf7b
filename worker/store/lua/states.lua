-- Read the state of accounts.
-- uses: record
-- ARGV[1..] accounts
-- returns for each: its hash as a list, its open attempts; before all the clock in ms

local answer = {clock()}
for at = 1, #ARGV do
  answer[#answer + 1] = redis.call('HGETALL', STATE .. ARGV[at])
  answer[#answer + 1] = redis.call('ZCARD', OPEN .. ARGV[at])
end
return answer
