-- Erase texts that outlived their messages' ends for as long as they were to be kept.
-- uses: record
-- ARGV[1] how many at the most
-- returns how many were looked at

local ids = redis.call('ZRANGEBYSCORE', OUTLIVED, '-inf', clock(), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  local record = load(id)
  redis.call('ZREM', OUTLIVED, id)
  if record and record[CONTENT] ~= '' and (SAID[record[STATUS]] or record[STATUS] == 'submitted') then
    record[CONTENT] = ''
    save(id, record)
  end
end
return #ids
