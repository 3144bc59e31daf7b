-- Find records.
-- ARGV[1..] ids
-- returns the packed record of each, false where there is none

local found = {}
for at = 1, #ARGV do
  found[at] = redis.call('GET', MESSAGE .. ARGV[at])
end
return found
