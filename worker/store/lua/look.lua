-- Say when an unknown message is to be looked at again, or that it stays as it is.
-- uses: record
-- ARGV[1] id
-- ARGV[2] attempt's number
-- ARGV[3] ms until the next look; '' for none: it stays unknown until a report says more (and on
--         the list until its record is gone, so that people can count it)
-- ARGV[4] what was found, for its trail; '' for nothing
-- returns 1, or 0 where it is unknown no more

local id, now = ARGV[1], clock()
local record = load(id)
if not record or record[STATUS] ~= 'unknown' or record[ATTEMPT] ~= tonumber(ARGV[2]) then
  return 0
end
local wait = tonumber(ARGV[3]) or redis.call('PTTL', MESSAGE .. id) + 1000
redis.call('ZADD', UNKNOWN, now + wait, id)
if ARGV[4] ~= '' then
  record[UPDATED], record[REASON] = now, ARGV[4]
  note(record[TRAIL], {now, 'unknown', record[ACCOUNT], ARGV[4]})
  save(id, record)
end
return 1
