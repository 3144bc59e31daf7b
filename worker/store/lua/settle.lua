-- Settle attempts: write what became of them. Forward only, and only by the attempt that is the
-- record's last one, so that a late, doubled or lost answer leaves one truth.
-- uses: record window
-- ARGV[1] ms that a vendor's id is remembered for its reports
-- ARGV[2..] seven an attempt: id, attempt's number, status, vendor's id, code, reason, windows of
--           the account as MessagePack or ''
-- returns one number an attempt: 1 settled, 0 nothing changed

local memory, now = ARGV[1], clock()
local answers = {}

-- The vendor counts from the moment it took the message, which is not later than now: by moving
-- our slot here, our window can't end before the vendor's does.
local function shift(record, packed)
  local key = number_key(record[ACCOUNT], record[TO])
  local times = redis.call('GET', key) or ''
  for index = #times / 6 - 1, 1, -1 do
    if time_at(times, index) == record[SLOT] then
      local rest = string.sub(times, 1, index * 6) .. string.sub(times, index * 6 + 7)
      remember(key, rest .. pack_time(now), cmsgpack.unpack(packed), now)
      break
    end
  end
  record[SLOT] = 0
end

local function settle(at)
  local id, status, vendor_id = ARGV[at], ARGV[at + 2], ARGV[at + 3]
  local record = load(id)
  if not record or record[ATTEMPT] ~= tonumber(ARGV[at + 1]) then
    return 0
  end
  local moved = move(record, status, now, ARGV[at + 5], ARGV[at + 4])
  local reported_first = record[DEADLINE] > 0 and record[VENDOR_MESSAGE_ID] == ''
  if not moved and not reported_first then
    return 0
  end
  close(id, record)
  if vendor_id ~= '' then
    record[VENDOR_MESSAGE_ID] = vendor_id
    local number = string.sub(record[TO], -11)
    redis.call('SET', VENDOR_ID .. record[ACCOUNT] .. ':' .. vendor_id .. ':' .. number, id, 'PX', memory)
  end
  if ARGV[at + 6] ~= '' and record[SLOT] > 0 and status == 'submitted' then
    shift(record, ARGV[at + 6])
  end
  save(id, record)
  return moved and 1 or 0
end

for at = 2, #ARGV, 7 do
  answers[#answers + 1] = settle(at)
end
return answers
