-- The breaker of an account, for all processes: until when it is left alone (down), and that the
-- next message is a probe (half). Each failed probe doubles the time, an accepted one ends it.

-- Leave an account alone; returns until when, or nil where it is left alone already.
local function trip(account, base, most, why, now)
  local key = STATE .. account
  local kept = redis.call('HMGET', key, 'down', 'strikes')
  if (tonumber(kept[1]) or 0) > now then
    return nil
  end
  local strikes = tonumber(kept[2]) or 0
  local down = now + math.min(most, base * 2 ^ math.min(strikes, 30))
  redis.call('HSET', key, 'down', string.format('%.0f', down), 'half', 1, 'strikes', strikes + 1, 'why', why)
  redis.call('SADD', ACCOUNTS, account)
  return down
end

-- An account took a message, or passed its probe: it is used again as ever.
local function mend(account)
  if not redis.call('HGET', STATE .. account, 'half') then
    return 0
  end
  redis.call('HDEL', STATE .. account, 'down', 'half', 'strikes', 'why')
  return 1
end
