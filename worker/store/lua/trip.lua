-- Trip the breaker of an account: it gets nothing for a while, then one message as a probe.
-- uses: record breaker
-- ARGV[1] account
-- ARGV[2] ms at first; doubles with each failed probe
-- ARGV[3] ms at the most
-- ARGV[4] why, for people
-- returns ms until which it is left alone; 0 where it was already

return trip(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], clock()) or 0
