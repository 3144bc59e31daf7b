-- Release what is due from the waiting set to its ready list, in order of its time, and ring.
-- uses: record ring
-- ARGV[1] the envelope's template
-- ARGV[2] how many at the most
-- returns {released, those that were due and no longer waited, '1' where more are due}

local envelope, most, now = ARGV[1], tonumber(ARGV[2]), clock()
local released, dropped, woken = 0, 0, {}

local ids = redis.call('ZRANGEBYSCORE', WAITING, '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(ids) do
  redis.call('ZREM', WAITING, id)
  local record = load(id)
  if record and record[STATUS] == 'scheduled' then
    move(record, 'accepted', now)
    save(id, record)
    redis.call('RPUSH', READY .. record[STREAM], id)
    woken[record[STREAM]] = true
    released = released + 1
  else
    dropped = dropped + 1
  end
end
for stream in pairs(woken) do
  ring(stream, envelope, now)
end
return {released, dropped, #ids == most and 1 or 0}
