-- Delivery reports: matching one to its message, or keeping it until its message is known.
-- Needs the parts: record prompt index.

local function early_key(account, alias)
  return EARLY .. account .. ':' .. alias
end

-- Move a message on by a report; returns 'applied', or 'late' where its status is further on. A
-- report that is not final leaves a submitted message where it is, and its code is kept.
local function apply(id, record, status, code, reason, now, came)
  local since, before = record[UPDATED], record[STATUS]
  if status == 'submitted' and record[STATUS] == status and code ~= '' and code ~= record[CODE] then
    record[CODE], record[REASON] = code, reason
    note(record[TRAIL], {now, status, record[ACCOUNT], code .. '\n' .. reason})
  elseif record[STATUS] == status or not move(id, record, status, now, reason, code) then
    return 'late'
  end
  if before == 'submitting' then
    close(id, record)
  end
  count_report(record, before, since, came, now)
  save(id, record)
  return 'applied'
end

-- Apply the reports that came before their messages had the vendor's ids; named: for each message
-- its id, the vendor's and the early_key.
local function adopt_early(named, now)
  local keys = {}
  for at, each in ipairs(named) do
    keys[at] = each[3]
  end
  if #keys == 0 or redis.call('EXISTS', unpack(keys)) == 0 then
    return
  end
  for at, each in ipairs(named) do
    local kept = redis.call('HGET', keys[at], each[2])
    local record = kept and load(each[1])
    if record then
      local status, code, reason, came = unpack(cmsgpack.unpack(kept))
      redis.call('HDEL', keys[at], each[2])
      apply(each[1], record, status, code, reason, now, came)
    end
  end
end

-- When its last attempt at an account began.
local function began(record, account)
  local trail = record[TRAIL]
  for at = #trail, 1, -1 do
    if trail[at][2] == 'submitting' and trail[at][3] == account then
      return trail[at][1]
    end
  end
  return record[CREATED]
end

-- Whether an account may have taken a message without our having heard its answer.
local function is_lost(record, account)
  if record[STATUS] == 'unknown' then
    return record[ACCOUNT] == account
  end
  return waits_in_doubt(record) == account
end

-- The messages to a number whose answer from an account was lost, by the time of their attempts.
local function lost_ones(account, number)
  local key, found = LOST .. account .. ':' .. number, {}
  for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local record = load(id)
    if record and is_lost(record, account) then
      found[#found + 1] = {id = id, record = record, at = began(record, account)}
    else
      redis.call('ZREM', key, id)
    end
  end
  table.sort(found, function(one, other) return one.at < other.at end)
  return found
end

-- The reports that are kept for a number and came since a time, in that order.
local function kept_reports(key, since)
  local kept, found = redis.call('HGETALL', key), {}
  for at = 1, #kept, 2 do
    local status, code, reason, came = unpack(cmsgpack.unpack(kept[at + 1]))
    if came >= since then
      found[#found + 1] = {vendor_id = kept[at], status = status, code = code, reason = reason, at = came}
    end
  end
  table.sort(found, function(one, other) return one.at < other.at end)
  return found
end

local open_numbers = {}

-- Whether an attempt to the number is open there: then a report may be the first word of that one.
local function is_open(account, number)
  local numbers = open_numbers[account]
  if not numbers then
    numbers = {}
    for _, id in ipairs(redis.call('ZRANGE', OPEN .. account, 0, -1)) do
      local record = load(id)
      if record then
        numbers[alias(record)] = true
      end
    end
    open_numbers[account] = numbers
  end
  return numbers[number]
end

-- Whether reports leave no doubt which message each is about: at least one a message that was on
-- its way by then, and all saying the same.
local function is_certain(lost, reports)
  local last, under_way = reports[#reports].at, 0
  for _, each in ipairs(lost) do
    under_way = under_way + (each.at <= last and 1 or 0)
  end
  for _, each in ipairs(reports) do
    if each.status ~= reports[1].status then
      return false
    end
  end
  return #reports >= under_way
end

-- Apply kept reports to messages whose answer, and with it the vendor's id, was lost: by number and
-- account, and only by those that came since the attempt began. Returns what was applied, vendor's
-- id -> ours, and whether to look again, for an open attempt may claim them.
local function adopt_lost(account, number, now)
  local lost, key, given = lost_ones(account, number), early_key(account, number), {}
  local reports = #lost > 0 and kept_reports(key, lost[1].at) or {}
  if #reports == 0 then
    return given, false
  elseif is_open(account, number) then
    return given, true, lost
  elseif not is_certain(lost, reports) then
    return given, false
  end
  for _, each in ipairs(lost) do
    local at = 1
    while reports[at] and reports[at].at < each.at do
      at = at + 1
    end
    local report = table.remove(reports, at)
    if report then
      each.record[ACCOUNT] = account
      redis.call('HDEL', key, report.vendor_id)
      redis.call('ZREM', LOST .. account .. ':' .. number, each.id)
      index(each.id, each.record, report.vendor_id, REPORTED)
      apply(each.id, each.record, report.status, report.code, report.reason, now, report.at)
      given[report.vendor_id] = each.id
    end
  end
  return given, false
end
