-- Note what an account has left: as its vendor said when asked, or told in passing. The latter is a
-- hint and kept beside it, for it may count something else; only the former makes the history.
-- uses: record
-- ARGV[1] account
-- ARGV[2] amount
-- ARGV[3] unit
-- ARGV[4] '1': it is paid afterwards
-- ARGV[5] '1': it was told in passing
-- returns the clock in ms

local POINTS, KEEP = 600, 172800000 -- 48 h in ms
local STEP = KEEP / POINTS

local function time_of(point)
  return tonumber(string.match(point, '^%d+'))
end

local key, now = BALANCE .. ARGV[1], clock()
local moment = string.format('%.0f', now)
if ARGV[5] == '1' then
  redis.call('HSET', key, 'hint', ARGV[2], 'hint_unit', ARGV[3], 'hint_at', moment)
  return now
end
redis.call('HSET', key, 'amount', ARGV[2], 'unit', ARGV[3], 'postpaid', ARGV[4], 'at', moment)
redis.call('SET', POLLED .. ARGV[1] .. ':balance', moment)

-- Points are a step apart, however often it is asked: the newest moves on until it is that far.
local history = HISTORY .. ARGV[1]
local newest = redis.call('LRANGE', history, -2, -1)
if #newest == 2 and time_of(newest[2]) - time_of(newest[1]) < STEP then
  redis.call('LTRIM', history, 0, -2)
end
redis.call('RPUSH', history, moment .. ' ' .. ARGV[2])
redis.call('LTRIM', history, -POINTS, -1)
redis.call('PEXPIRE', history, KEEP)
return now
