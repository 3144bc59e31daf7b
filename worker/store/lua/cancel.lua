-- Cancel a message that no vendor was asked to take yet.
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
move(id, record, 'cancelled', now, 'by the producer')
redis.call('ZREM', WAITING, id)
save(id, record)
return {'1', record[STATUS]}
