-- Read how many messages accounts took lately, and how many of those had their report soon.
-- uses: record
-- ARGV[1..] accounts
-- returns the clock in ms, then for each its hash as a list: 'taken:' or 'prompt:' and the number of
--         five minutes since 1970, how many

local answer = {clock()}
for at = 1, #ARGV do
  answer[#answer + 1] = redis.call('HGETALL', PROMPT .. ARGV[at])
end
return answer
