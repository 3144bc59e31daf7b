-- Raise and clear alarms of an account. One that is raised anew is told as an event in the same
-- step, so that each is told once, whoever finds it and however often.
-- uses: record event
-- ARGV[1] account
-- ARGV[2..] three for each alarm: its name, '1' to raise it or '0' to clear it, its event as MessagePack
-- returns the names of those that were raised anew

local key, now, raised = STATE .. ARGV[1], clock(), {}
for at = 2, #ARGV, 3 do
  local field = 'alarm:' .. ARGV[at]
  if ARGV[at + 1] == '0' then
    redis.call('HDEL', key, field)
  elseif redis.call('HEXISTS', key, field) == 0 then
    redis.call('HSET', key, field, string.format('%.0f', now))
    emit(ARGV[at + 2])
    raised[#raised + 1] = ARGV[at]
  end
end
return raised
