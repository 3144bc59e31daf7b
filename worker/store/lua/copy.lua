-- Copy entries to a stream that is written anew beside the one in use, with the ids they have there.
-- ARGV[1] a name for the new one
-- ARGV[2] ms after which it is forgotten where nobody goes on
-- ARGV[3..] each entry: id, how many words it has, these words
-- returns how many entries the new one has

local at = 3
while at <= #ARGV do
  local words = tonumber(ARGV[at + 1])
  redis.call('XADD', RENEWED .. ARGV[1], ARGV[at], unpack(ARGV, at + 2, at + 1 + words))
  at = at + 2 + words
end
redis.call('PEXPIRE', RENEWED .. ARGV[1], ARGV[2])
return redis.call('XLEN', RENEWED .. ARGV[1])
