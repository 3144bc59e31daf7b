-- Take in delivery reports: each moves its message on, forward only; one whose message is not
-- known (yet) is kept, for the answer to its submit may still be on its way.
-- uses: record window report
-- ARGV[1] ms that an unmatched report is kept
-- ARGV[2..] eight a report: account, vendor's id, number (eleven digits, or '' where the vendor's
--           id is our own), status, code, reason, ms or 'day' for which the number is blocked there
--           or '', '1' where the number is barred there
-- returns for each: what came of it ('applied', 'late', 'early') and the message's id or ''

local memory, now = ARGV[1], clock()
local answers = {}

local function find(account, vendor_id, number)
  local id = number ~= '' and redis.call('GET', VENDOR_ID .. account .. ':' .. vendor_id .. ':' .. number)
  id = id or vendor_id
  local record = load(id)
  if record and record[ACCOUNT] == account then
    return id, record
  end
  local lost = number ~= '' and redis.call('GET', LOST .. account .. ':' .. number)
  record = lost and load(lost)
  if record and record[STATUS] == 'unknown' and record[ACCOUNT] == account then
    record[VENDOR_MESSAGE_ID] = vendor_id
    return lost, record
  end
  return nil, nil
end

local function keep(account, vendor_id, number, at)
  local key = early_key(account, number)
  redis.call('HSET', key, vendor_id, cmsgpack.pack({ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], now}))
  redis.call('PEXPIRE', key, memory)
end

local function block(account, number, blocked)
  local key = number_key(account, number)
  local times = redis.call('GET', key) or pack_time(0)
  local free = blocked == 'day' and midnight(now) or now + tonumber(blocked)
  times = pack_time(math.max(time_at(times, 0), free)) .. string.sub(times, 7)
  redis.call('SET', key, times, 'PX', math.max(1, free - now, redis.call('PTTL', key)))
  redis.call('HINCRBY', STATE .. account, 'drift:report', 1)
end

for at = 2, #ARGV, 8 do
  local account, vendor_id, number = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local id, record = find(account, vendor_id, number)
  local verdict = 'early'
  if record then
    verdict = apply(id, record, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], now)
  elseif number ~= '' then
    keep(account, vendor_id, number, at)
  end
  if ARGV[at + 6] ~= '' and number ~= '' and verdict ~= 'late' then
    block(account, number, ARGV[at + 6])
  end
  if ARGV[at + 7] == '1' and number ~= '' then
    redis.call('SADD', SUPPRESSED .. account, number)
  end
  answers[#answers + 1] = verdict
  answers[#answers + 1] = id or ''
end
return answers
