-- Ring for a stream at once, if it has work: a pump ends with work left.
-- uses: record ring
-- ARGV[1] the envelope's template
-- ARGV[2] stream
-- returns how many rings were pushed

local now = clock()
if redis.call('LLEN', READY .. ARGV[2]) == 0 then
  return 0
end
redis.call('DEL', AWAKE .. ARGV[2])
return ring(ARGV[2], ARGV[1], now)
