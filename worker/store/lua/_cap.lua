-- Our own caps: what one number may get of a stream over all vendors, and the brakes against SMS
-- pumping, per prefix of seven digits and per tag. A message counts once, at its first attempt.
-- The quiet hours, in which nothing of a stream leaves.
-- Needs the parts: record wait window.

-- The caps that a record comes under, and the time at which it fits them all; nil: now.
local function caps_of(record, caps, now)
  local found, at = {}, nil
  if #caps.number + #caps.prefix + #caps.tag == 0 or (record[COUNTED] or 0) > 0 then
    return found, nil
  end
  for kind, name in pairs({
    number = record[STREAM] .. ':' .. alias(record), prefix = string.sub(record[TO], -11, -5), tag = record[TAG],
  }) do
    if #caps[kind] > 0 and name ~= '' then
      local key = NUMBER .. kind .. '*' .. name
      local memory = redis.call('GET', key) or ''
      local free = fits_at(memory, caps[kind], now)
      at = free and math.max(at or 0, free) or at
      found[#found + 1] = {key = key, memory = memory, windows = caps[kind]}
    end
  end
  return found, at
end

local function take_caps(record, caps, now)
  for _, cap in ipairs(caps) do
    take(cap.key, cap.memory, cap.windows, now)
    record[COUNTED] = now
  end
end

-- When a message may leave that comes in quiet hours: after their end, spread so that not all
-- leave at once, yet before its validity is over; nil outside of them.
local function quiet_until(id, record, quiet, now)
  if not quiet then
    return nil
  end
  local begins, ends, spread = quiet[1], quiet[2], quiet[3]
  local today = midnight(now) - DAY
  local minute = math.floor((now - today) / 60000)
  local inside = begins <= minute and minute < ends
  if begins > ends then
    inside = minute >= begins or minute < ends
  end
  if not inside then
    return nil
  end
  local over = today + ends * 60000
  if over <= now then
    over = over + DAY
  end
  local chance = tonumber(string.sub(redis.sha1hex(id), 1, 8), 16) / 4294967296
  return math.max(over, math.min(math.floor(over + chance * spread), record[EXPIRES] - 2000))
end

-- Our own rules, before any account is asked: quiet hours, caps. Returns the caps that the record
-- comes under, and whether it is held back.
local function gate(id, record, plan, now)
  local quiet = quiet_until(id, record, plan.quiet, now)
  if quiet then
    return nil, park(id, record, quiet, now, 'quiet hours')
  end
  local caps, free_at = caps_of(record, plan.caps, now)
  if free_at then
    record[WAITS], record[ACCOUNT] = record[WAITS] + 1, ''
    return nil, park(id, record, free_at, now, 'our own cap is reached')
  end
  return caps, false
end
