-- Trip the breaker of an account: it gets nothing for a while, then one message as a probe.
-- uses: record event breaker
-- ARGV[1] account
-- ARGV[2] ms at first; doubles with each failed probe
-- ARGV[3] ms at the most
-- ARGV[4] why, for people
-- ARGV[5] when that began which tells so, ms since 1970; '' for now
-- ARGV[6] '1': only where it was a probe that failed
-- ARGV[7] '1': the account itself says that it is unusable, which is told
-- ARGV[8] the vendor's code that says so
-- returns ms until which it is left alone; 0 where nothing changed

local now = clock()
local began = tonumber(ARGV[5]) or now
local down = trip(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], began, ARGV[6] == '1', now)
if down and ARGV[7] == '1' then
  suspend(ARGV[1], ARGV[8], ARGV[4])
end
return down or 0
