-- Cancel a message that no vendor was asked to take yet. One that waits to be submitted again,
-- though it may have been taken before, is taken back too, but is unknown and not cancelled; its
-- validity ends, so that nothing that is heard later submits it again.
-- uses: record
-- ARGV[1] id
-- returns {'1' where it is cancelled now, its status}; {'', ''} where there is none

local id, now = ARGV[1], clock()
local record = load(id)
if not record then
  return {'', ''}
end
local waiting = record[STATUS] == 'accepted' or record[STATUS] == 'scheduled'
if not waiting then
  return {'', record[STATUS]}
end
redis.call('ZREM', WAITING, id)
move(id, record, 'cancelled', now, 'by the producer')
if record[STATUS] == 'unknown' then
  record[EXPIRES] = math.min(record[EXPIRES], now)
end
save(id, record)
return {record[STATUS] == 'cancelled' and '1' or '', record[STATUS]}
