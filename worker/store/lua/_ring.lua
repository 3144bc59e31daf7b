-- The doorbell: one Celery envelope on the stream's queue, unless somebody is awake already. For
-- codes there is a bell besides, which wakes one of the processes that listen by themselves.

local MOST_RINGS = 4

local function push(stream, envelope, now)
  local queue = QUEUE .. stream
  if redis.call('LLEN', queue) >= MOST_RINGS then
    return 0
  end
  local ring = 'ring-' .. string.format('%.0f', now) .. '-' .. redis.call('INCR', RINGS)
  local filled = string.gsub(envelope, '<(%a+)>', {stream = stream, ring = ring})
  redis.call('LPUSH', queue, filled)
  return 1
end

-- Ring, at most once a second and not while a pump is awake: it will look again by itself.
local function ring(stream, envelope, now)
  if stream == 'otp' and redis.call('LLEN', BELL) < MOST_RINGS then
    redis.call('LPUSH', BELL, 1)
  end
  if not redis.call('SET', AWAKE .. stream, 1, 'NX', 'PX', 1000) then
    return 0
  end
  return push(stream, envelope, now)
end
