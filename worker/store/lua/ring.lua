-- Ring for a stream at once, if it has work or soon may have: a pump ends with work left.
-- uses: record ring release
-- ARGV[1] the envelope's template
-- ARGV[2] stream
-- returns how many rings were pushed

local now = clock()
if redis.call('LLEN', READY .. ARGV[2]) == 0 and not due_soon(now) then
  return 0
end
redis.call('DEL', AWAKE .. ARGV[2])
return ring(ARGV[2], ARGV[1], now)
