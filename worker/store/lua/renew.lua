-- Put a stream that was written anew in the place of the one in use, with what came there meanwhile.
-- Where an entry was removed meanwhile nothing is put there: it must not come back.
-- ARGV[1] the stream in use
-- ARGV[2] the name of the new one
-- ARGV[3] the last id that was copied
-- returns 1 where it is in its place, 0 where it has to be written again

local used, fresh = ARGV[1], RENEWED .. ARGV[2]
for _, entry in ipairs(redis.call('XRANGE', used, '(' .. ARGV[3], '+')) do
  redis.call('XADD', fresh, entry[1], unpack(entry[2]))
end
local first = redis.call('XRANGE', used, '-', '+', 'COUNT', 1)[1]
if first then
  redis.call('XTRIM', fresh, 'MINID', first[1]) -- the oldest ones may be gone: the stream is bounded
end
if not first or redis.call('XLEN', fresh) ~= redis.call('XLEN', used) then
  redis.call('DEL', fresh)
  return 0
end
redis.call('PERSIST', fresh)
redis.call('RENAME', fresh, used)
return 1
