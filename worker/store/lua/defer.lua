-- Defer messages: the vendor proved that it did not take them. The attempt is closed, its slot in
-- the number's windows is given back, and the message waits for another try, or expires.
-- uses: record ring window
-- ARGV[1] the envelope's template
-- ARGV[2..] ten an attempt: id, attempt's number, ms to wait or 'day' for the next midnight in
--           Asia/Shanghai, '1' where the attempt counts, '1' where the account is to be avoided,
--           code, reason, ms or 'day' for which the number is blocked at the account or '', windows
--           of the account as MessagePack or '', '' or for an unknown message that is submitted again
--           without proof: 'same' (by this account only) or 'any'; its slot stays taken then
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
  local id, blocked = ARGV[at], ARGV[at + 7]
  local record = load(id)
  local open = record and (record[STATUS] == 'submitting' or record[STATUS] == 'unknown')
  if not open or record[ATTEMPT] ~= tonumber(ARGV[at + 1]) then
    return ''
  end
  close(id, record)
  if ARGV[at + 9] == '' then
    give_back(record, unpacked(ARGV[at + 8]), blocked ~= '' and moment(blocked) or 0, now)
  elseif ARGV[at + 9] == 'same' then
    record[PIN] = record[ACCOUNT]
  end
  if blocked ~= '' then -- our windows let pass what the vendor did not: people should know
    redis.call('HINCRBY', STATE .. record[ACCOUNT], 'drift:' .. ARGV[at + 5], 1)
    redis.call('HSET', STATE .. record[ACCOUNT], 'drifted', string.format('%.0f', now))
  end
  if ARGV[at + 3] ~= '1' then
    record[ATTEMPTS] = record[ATTEMPTS] - 1
    record[WAITS] = record[WAITS] + 1
  end
  if ARGV[at + 4] == '1' then
    avoid(record, record[ACCOUNT])
  end
  park(id, record, moment(ARGV[at + 2]), now, ARGV[at + 6], ARGV[at + 5])
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
