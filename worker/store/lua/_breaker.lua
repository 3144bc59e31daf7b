-- The breaker of an account, for all processes: until when it is left alone (down), and that the
-- next message is a probe (half). Each failed probe doubles the time, an accepted one ends it.
-- While an account is left alone nothing begins there: so what began before the end of that time
-- began before it was left alone, and says nothing about how it does since.
-- Needs the parts: record event.

-- Leave an account alone; returns until when, or nil where it stays as it is: it is left alone
-- already, the attempt that tells so began before, or only a failed probe would count.
local function trip(account, base, most, why, began, only_probe, now)
  local key = STATE .. account
  local kept = redis.call('HMGET', key, 'down', 'strikes', 'half')
  local down = tonumber(kept[1]) or 0
  if down > now or kept[3] and began < down or only_probe and not kept[3] then
    return nil
  end
  local strikes = tonumber(kept[2]) or 0
  down = now + math.min(most, base * 2 ^ math.min(strikes, 30))
  redis.call('HSET', key, 'down', string.format('%.0f', down), 'half', 1, 'strikes', strikes + 1, 'why', why)
  redis.call('SADD', ACCOUNTS, account)
  return down
end

-- An account says that it is unusable: told once, until it takes a message again.
local function suspend(account, code, why)
  if not redis.call('HGET', STATE .. account, 'suspended') then
    redis.call('HSET', STATE .. account, 'suspended', code .. '\n' .. why)
    happen('account.suspended', {account = account, code = code, reason = why})
  end
end

-- An account took a message whose attempt began at a time: it is used again as ever.
local function mend(account, began)
  local kept = redis.call('HMGET', STATE .. account, 'half', 'down', 'suspended')
  if kept[1] and began >= (tonumber(kept[2]) or 0) then
    redis.call('HDEL', STATE .. account, 'down', 'half', 'strikes', 'why', 'passed', 'alarm:empty', 'suspended')
    if kept[3] then
      local code, why = string.match(kept[3], '^([^\n]*)\n(.*)$')
      happen('account.restored', {account = account, code = code, reason = why})
    end
  end
end
