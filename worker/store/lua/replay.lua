-- Replay a dead letter: a new message that says the same, and the old one leaves the list. Done
-- twice it does nothing more; asked again with the same new id (an answer was lost) it says yes.
-- uses: record ring text
-- ARGV[1] the envelope's template
-- ARGV[2] id of the dead letter
-- ARGV[3] id of the new message
-- ARGV[4] its validity in ms
-- ARGV[5] retention: ms that its record outlives its validity
-- returns '1'; '' where it is no dead letter (any more), or its text was removed

local dead, id, now = ARGV[2], ARGV[3], clock()
local record = load(dead)
if redis.call('EXISTS', MESSAGE .. id) == 1 then
  return '1'
end
if not record or said(record) == '' or redis.call('ZREM', DEAD, dead) == 0 then
  return ''
end
note(record[TRAIL], {now, 'replayed', '', 'as ' .. id})
local validity = tonumber(ARGV[4])
local fresh = whole(cmsgpack.pack({
  'accepted', record[STREAM], record[TO], record[CONTENT], record[LENGTH], record[SEGMENTS],
  record[TEMPLATE], record[PIN], record[TAG], now, 0, now + validity, '', alias(record), record[SIGN],
}))
fresh[TRAIL] = {{now, 'accepted', '', 'replay of ' .. dead}}
local kept = validity + tonumber(ARGV[5])
redis.call('SET', MESSAGE .. id, cmsgpack.pack(fresh), 'PX', kept)
if said(record) ~= record[CONTENT] then
  keep_text(string.sub(record[CONTENT], 2), said(record), kept)
end
outlive(dead, record, now)
save(dead, record)
redis.call('RPUSH', READY .. record[STREAM], id)
tell(id, fresh)
ring(record[STREAM], ARGV[1], now)
return '1'
