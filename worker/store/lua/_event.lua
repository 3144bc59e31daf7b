-- Events that are no status of a message.
-- Needs the part: record.

-- Put an event into the stream; returns its id, nil where none are kept.
local function emit(packed)
  return most_kept() > 0 and redis.call('XADD', EVENTS, '*', 'e', packed) or nil
end

local function happen(kind, data)
  if most_kept() > 0 then
    emit(cmsgpack.pack({type = kind, data = data}))
  end
end

-- Our windows let pass what the vendor did not: counted and told, for people should know.
local function drift(account, to, code, id, now)
  redis.call('HINCRBY', STATE .. account, 'drift:' .. code, 1)
  redis.call('HSET', STATE .. account, 'drifted', string.format('%.0f', now))
  happen('mirror.drift', {account = account, code = code, to = masked(to), id = id or ''})
end
