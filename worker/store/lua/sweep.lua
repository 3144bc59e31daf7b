-- Sweep up after what died: attempts past their deadline become unknown (their answer is lost,
-- the vendor may have taken them), and ready work that nobody was told of is rung for.
-- uses: record ring
-- ARGV[1] the envelope's template
-- ARGV[2] how many attempts at the most
-- ARGV[3..] streams
-- returns {rings, then id and record of each attempt that was lost}

local envelope, most, now = ARGV[1], tonumber(ARGV[2]), clock()
local answer = {0}

for _, account in ipairs(redis.call('SMEMBERS', ACCOUNTS)) do
  local ids = redis.call('ZRANGEBYSCORE', OPEN .. account, '-inf', now, 'LIMIT', 0, most)
  for _, id in ipairs(ids) do
    local record = load(id)
    redis.call('ZREM', OPEN .. account, id)
    if record and record[STATUS] == 'submitting' and record[ACCOUNT] == account then
      close(id, record)
      move(id, record, 'unknown', now, 'no answer by its deadline')
      answer[#answer + 1] = id
      answer[#answer + 1] = save(id, record)
    end
  end
end
for at = 3, #ARGV do
  if redis.call('LLEN', READY .. ARGV[at]) > 0 then
    answer[1] = answer[1] + ring(ARGV[at], envelope, now)
  end
end
return answer
