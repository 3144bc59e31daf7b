-- List the worker processes that beat lately, and what each said of itself.
-- uses: record
-- returns {clock in ms, then name, last beat in ms and names and values of what it said, for each}

local answer = {clock()}
local beats = redis.call('ZRANGE', WORKERS, 0, -1, 'WITHSCORES')
for at = 1, #beats, 2 do
  answer[#answer + 1] = beats[at]
  answer[#answer + 1] = tonumber(beats[at + 1])
  answer[#answer + 1] = redis.call('HGETALL', HEARTBEAT .. beats[at])
end
return answer
