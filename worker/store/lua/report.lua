-- Take in delivery reports: each moves its message on, forward only; one whose message is not
-- known (yet) is kept, for the answer to its submit may still be on its way.
-- uses: record event window prompt index report
-- ARGV[1] ms that an unmatched report is kept; 0: it is of no use here, its number lives elsewhere
-- ARGV[2] ms within which a report is prompt; 0: nobody counts
-- ARGV[3..] ten a report: account, vendor's id, number (eleven digits, or '' where the vendor's
--           id is our own), status, code, reason, ms or 'day' for which the number is blocked there
--           or '', '1' where the number is barred there, when it came in ms or 0 for now,
--           the number's alias or ''
-- returns for each: what came of it ('applied', 'late', 'early'), the message's id or '', the ms since
--         the vendor took it or -1, and its traceparent or ''

local memory, now = tonumber(ARGV[1]), clock()
local answers = {}
soon = ARGV[2] ~= '0' and tonumber(ARGV[2])

-- The message that a vendor's id stands for, if that is known, and its record, if it is there.
local function find(account, vendor_id, number, alias)
  local id = number ~= '' and indexed(account, vendor_id, alias) or nil
  local record = load(id or vendor_id)
  if record and record[ACCOUNT] ~= account and not is_lost(record, account) then
    record = nil
  elseif record and number ~= '' and number ~= string.sub(record[TO], -11) then
    record = nil
  end
  return id or record and vendor_id, record
end

-- Keep a report; returns 'late' where one is kept for it that says how it ended.
local function keep(account, vendor_id, at, came)
  local key = early_key(account, ARGV[at + 9])
  local before = redis.call('HGET', key, vendor_id)
  if before and cmsgpack.unpack(before)[1] ~= 'submitted' then
    return 'late'
  end
  local kept = redis.call('HGETALL', key) -- one or two, but for an account that others use as well
  for at_kept = 1, #kept, 2 do
    if cmsgpack.unpack(kept[at_kept + 1])[5] < now - memory then
      redis.call('HDEL', key, kept[at_kept])
    end
  end
  local report = {ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], came, now}
  redis.call('HSET', key, vendor_id, cmsgpack.pack(report))
  redis.call('PEXPIRE', key, memory)
  return 'early'
end

-- Keep a report whose message is not known, and see whether it is about one that lost its answer.
local function take_unmatched(account, vendor_id, at, came)
  local verdict = keep(account, vendor_id, at, came)
  if verdict == 'late' then
    return verdict, nil
  end
  local given, again, lost = adopt_lost(account, ARGV[at + 9], now)
  for _, each in ipairs(again and lost or {}) do
    if each.record[STATUS] == 'unknown' then
      redis.call('ZADD', UNKNOWN, 'LT', now + FIRST_LOOK, each.id)
    end
  end
  return given[vendor_id] and 'applied' or verdict, given[vendor_id]
end

local function block(account, number, alias, blocked, code, id)
  local key = number_key(account, alias)
  local times = redis.call('GET', key) or pack_time(0)
  local free = blocked == 'day' and midnight(now) or now + tonumber(blocked)
  times = pack_time(math.max(time_at(times, 0), free)) .. string.sub(times, 7)
  redis.call('SET', key, times, 'PX', math.max(1, free - now, redis.call('PTTL', key)))
  drift(account, number, code, id, now)
end

for at = 3, #ARGV, 10 do
  local account, vendor_id, number = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local id, record = find(account, vendor_id, number, ARGV[at + 9])
  local took = record and record[STATUS] == 'submitted' and record[UPDATED]
  local verdict, came = 'late', tonumber(ARGV[at + 8])
  came = came > 0 and math.min(came, now) or now
  if record then
    if record[VENDOR_MESSAGE_ID] == '' then
      record[VENDOR_MESSAGE_ID] = vendor_id
    end
    verdict = apply(id, record, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], now, came)
  elseif not id and number ~= '' and memory ~= 0 then
    verdict, id = take_unmatched(account, vendor_id, at, came)
  end
  if number ~= '' then
    if ARGV[at + 6] ~= '' and verdict ~= 'late' then
      block(account, number, ARGV[at + 9], ARGV[at + 6], ARGV[at + 4], id)
    end
    if ARGV[at + 7] == '1' and memory ~= 0 then
      redis.call('SADD', SUPPRESSED .. account, number)
    end
  end
  answers[#answers + 1] = verdict
  answers[#answers + 1] = id or ''
  answers[#answers + 1] = took and now - took or -1
  answers[#answers + 1] = record and record[TRACE] or ''
end
keep_promptness(now)
return answers
