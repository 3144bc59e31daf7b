-- Find one record.
-- ARGV[1] id
-- returns the packed record, or false

return redis.call('GET', MESSAGE .. ARGV[1])
