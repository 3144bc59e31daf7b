-- Settle attempts: write what became of them. Forward only, and only by the attempt that is the
-- record's last one, so that a late, doubled or lost answer leaves one truth.
-- uses: record event window breaker prompt index report
-- ARGV[1] ms that a vendor's id is remembered for its reports
-- ARGV[2] {ids, attempts, windows, {account = true} of those whose reports are counted} as
--         MessagePack; eight an attempt: its number, status, vendor's id, code, reason, which of the
--         windows or 0, whether the number is barred there, whether nothing comes after a submit
-- returns one number an attempt: 1 written, 0 nothing changed

local memory, now = ARGV[1], clock()
local ids, attempts, windows, counted = unpack(cmsgpack.unpack(ARGV[2]))
local answers, taken, fresh, closed, named = {}, {}, {}, {}, {}
soon = next(counted) and 0 -- what is taken now and reported already

-- The vendor counts from the moment it took the message, which is not later than now: by moving
-- our slot here, our window can't end before the vendor's does.
local function shift(record, windows)
  local key = number_key(record[ACCOUNT], alias(record))
  local rest = without(redis.call('GET', key) or '', record[SLOT])
  if rest then
    remember(key, rest .. pack_time(now), windows, now)
  end
  record[SLOT] = 0
end

local function settle(id, attempt, status, vendor_id, code, reason, which, barred, last)
  local record = load(id)
  if not record or record[ATTEMPT] ~= attempt then
    return 0
  end
  local began = record[STATUS] == 'submitting' and record[UPDATED] or 0
  local waits = record[STATUS] == 'accepted' or record[STATUS] == 'scheduled'
  if waits and not waits_in_doubt(record) then
    return 0 -- this attempt was deferred; the next one has a number of its own
  end
  local moved = move(id, record, status, now, reason, code)
  -- Where a report overtook the answer, the status is further on; the vendor's id is still news.
  local news = status == 'submitted' and vendor_id ~= '' and record[VENDOR_MESSAGE_ID] ~= vendor_id
  if not moved and not news then
    return 0
  elseif moved and status == 'submitted' then
    fresh[record[ACCOUNT]] = (fresh[record[ACCOUNT]] or 0) + 1
  end
  closed[record[ACCOUNT]] = closed[record[ACCOUNT]] or {}
  table.insert(closed[record[ACCOUNT]], id)
  record[DEADLINE] = 0
  if vendor_id ~= '' then
    index(id, record, vendor_id, memory)
    named[#named + 1] = {id, vendor_id, early_key(record[ACCOUNT], alias(record))}
  end
  if which > 0 and record[SLOT] > 0 then
    if status == 'submitted' then
      shift(record, windows[which])
    elseif status == 'rejected' then
      give_back(record, windows[which], 0, now)
    end
  end
  if status == 'submitted' then
    taken[record[ACCOUNT]] = math.max(taken[record[ACCOUNT]] or 0, began)
  end
  if barred then
    redis.call('SADD', SUPPRESSED .. record[ACCOUNT], string.sub(record[TO], -11))
  end
  if last and record[STATUS] == 'submitted' then
    outlive(id, record, now)
  end
  save(id, record)
  return 1
end

redis.call('DEL', MESSAGE) -- a full Redis lets a script go on that began with what takes no room
for at, id in ipairs(ids) do
  fetch(ids, at)
  answers[at] = settle(id, unpack(attempts, at * 8 - 7, at * 8))
end
for account, over in pairs(closed) do
  redis.call('ZREM', OPEN .. account, unpack(over))
end
adopt_early(named, now)
for account, began in pairs(taken) do
  mend(account, began)
end
for account, times in pairs(fresh) do
  if counted[account] then
    count(account, 'taken', now, times)
  end
end
keep_promptness(now)
return answers
