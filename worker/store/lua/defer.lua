-- Defer messages: the vendor proved that it did not take them. The attempt is closed, its slot in
-- the number's windows is given back, and the message waits for another try, or expires.
-- uses: record event wait ring window
-- ARGV[1] the envelope's template
-- ARGV[2..] ten an attempt: id, attempt's number, ms to wait or 'day' for the next midnight in
--           Asia/Shanghai, '1' where the attempt counts, '1' where the account is to be avoided
--           or '2' where it is not to get it any more, code, reason, ms or 'day' for which the number
--           is blocked at the account or '', windows of the account as MessagePack or '', and for an
--           unknown message that is submitted again: 'proven' (by this account only), or without
--           proof, so that its slot stays taken, 'same' (by this account only) or 'any'; else ''
-- returns one status an attempt, '' where nothing changed

local envelope, now = ARGV[1], clock()
local answers, woken = {}, {}

local function moment(text)
  return text == 'day' and midnight(now) or now + tonumber(text)
end

local function unpacked(windows)
  return windows ~= '' and cmsgpack.unpack(windows) or {}
end

local function defer(at)
  local id, blocked, again = ARGV[at], ARGV[at + 7], ARGV[at + 9]
  local reason = again == '' and ARGV[at + 6] or again == 'proven' and PROVEN or RESENT
  local record = load(id)
  local open = record and (record[STATUS] == 'unknown' or again == '' and record[STATUS] == 'submitting')
  if not open or record[ATTEMPT] ~= tonumber(ARGV[at + 1]) then
    return ''
  end
  local due = moment(ARGV[at + 2])
  if reason == RESENT and due >= record[EXPIRES] then
    return '' -- it can't be submitted again, and was perhaps taken: it stays unknown
  end
  close(id, record)
  if reason ~= RESENT then
    give_back(record, unpacked(ARGV[at + 8]), blocked ~= '' and moment(blocked) or 0, now)
  end
  if again == 'same' or again == 'proven' then
    record[PIN] = record[ACCOUNT]
  end
  if blocked ~= '' then
    drift(record[ACCOUNT], record[TO], ARGV[at + 5], id, now)
  end
  if ARGV[at + 3] ~= '1' then
    record[ATTEMPTS] = record[ATTEMPTS] - 1
    record[WAITS] = record[WAITS] + 1
  end
  if ARGV[at + 4] ~= '' and ARGV[at + 4] ~= '0' then
    avoid(record, (ARGV[at + 4] == '2' and '!' or '') .. record[ACCOUNT])
  end
  park(id, record, due, now, reason, ARGV[at + 5])
  save(id, record)
  if record[STATUS] == 'accepted' then
    woken[record[STREAM]] = true
  end
  return record[STATUS]
end

for at = 2, #ARGV, 10 do
  answers[#answers + 1] = defer(at)
end
for stream in pairs(woken) do
  ring(stream, envelope, now)
end
return answers
