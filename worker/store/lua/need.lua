-- Tell what this shard needs of its accounts, and which shares are in force.
-- uses: record
-- ARGV[1] {name = {streams that it carries}} as MessagePack
-- returns {now, version in force, {name = {share in force or false, ready, open, taken a second}} as
--         MessagePack}

local ROUND = 500 -- ms over which a rate is taken at the least

local now, found = clock(), {}
local seen = tonumber(redis.call('HGET', SHARES, 'seen') or '') or 0
local over = now - seen >= ROUND
for name, streams in pairs(cmsgpack.unpack(ARGV[1])) do
  local ready = 0
  for _, stream in ipairs(streams) do
    ready = ready + redis.call('LLEN', READY .. stream)
  end
  local kept = redis.call('HMGET', SHARES, 'part:' .. name, 'taken:' .. name, 'rate:' .. name)
  local taken = tonumber(redis.call('HGET', STATE .. name, 'taken') or '') or 0
  local rate = tonumber(kept[3]) or 0
  if over then
    rate = seen > 0 and (taken - (tonumber(kept[2]) or 0)) * 1000 / (now - seen) or 0
    redis.call('HSET', SHARES, 'taken:' .. name, taken, 'rate:' .. name, string.format('%.3f', rate))
  end
  found[name] = {tonumber(kept[1]) or false, ready, redis.call('ZCARD', OPEN .. name), rate}
end
if over then
  redis.call('HSET', SHARES, 'seen', string.format('%.0f', now))
end
return {now, tonumber(redis.call('HGET', SHARES, 'version') or '') or 0, cmsgpack.pack(found)}
