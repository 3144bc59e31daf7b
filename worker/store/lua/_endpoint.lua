-- A webhook endpoint: how its events leave, and what ends its rest.

local function remove(endpoint, id)
  redis.call('ZREM', WEBHOOK_DUE .. endpoint, id)
  return redis.call('HDEL', WEBHOOK_HELD .. endpoint, id)
end

-- Remove events for good, and count them under a name.
local function lose(endpoint, ids, name, now)
  if #ids > 0 then
    for _, id in ipairs(ids) do
      remove(endpoint, id)
    end
    redis.call('HINCRBY', WEBHOOKS .. endpoint, name, #ids)
    redis.call('HSET', WEBHOOKS .. endpoint, 'lost', now)
  end
  return #ids
end

local function wake(endpoint)
  redis.call('HDEL', WEBHOOKS .. endpoint, 'gone', 'rest', 'rested', 'misses', 'strikes')
end
