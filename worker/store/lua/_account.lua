-- The choice among a stream's accounts: which may carry a record, which has a free slot and when.
-- Needs the parts: record window.

local CONCURRENT = 50 -- ms after which a look for a free slot is worth it, where only answers free one
local LOOK = 2000 -- ms before the end of its validity at which a message is looked at for the last time

local function look_up_rates(accounts, stream)
  for _, account in ipairs(accounts) do
    local kept = redis.call('HMGET', RATE .. account.name, 'tat', 'queued:' .. stream)
    account.tat, account.queued = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
    account.open = account.concurrency > 0 and redis.call('ZCARD', OPEN .. account.name) or 0
  end
end

local function keep_rates(accounts, stream, now)
  for _, account in ipairs(accounts) do
    if account.used then
      redis.call('SADD', ACCOUNTS, account.name)
      if account.interval > 0 or account.queued > now then
        redis.call('HSET', RATE .. account.name, 'tat', string.format('%.3f', account.tat),
          'queued:' .. stream, string.format('%.3f', account.queued))
      end
    end
  end
end

-- The time at which the account has a free slot again; nil when it has one now.
local function busy_until(account, now)
  if account.concurrency > 0 and account.open >= account.concurrency then
    return now + CONCURRENT
  end
  if account.interval > 0 and account.tat - account.burst > now then
    return math.ceil(account.tat - account.burst)
  end
  return nil
end

-- The time at which the first of them has a free slot; nil when one has it now.
local function all_busy_until(accounts, now)
  local first
  for _, account in ipairs(accounts) do
    local free = busy_until(account, now)
    if not free then
      return nil
    end
    first = math.min(first or free, free)
  end
  return first
end

local function carries(account, record)
  if record[PIN] ~= '' and record[PIN] ~= account.name or record[LENGTH] > account.max_length then
    return false
  end
  return not account.templates_only or account.templates[record[TEMPLATE]] == true
end

-- The accounts that may carry a record; only where each turned it down before, those.
local function candidates(accounts, record)
  local fresh, others = {}, {}
  for _, account in ipairs(accounts) do
    if carries(account, record) then
      local list = avoids(record, account.name) and others or fresh
      list[#list + 1] = account
    end
  end
  return #fresh > 0 and fresh or others
end

-- A place behind the others of the stream that wait for the same busy account, so that they don't
-- all come back for its next slot; who came back and found it taken gets one at the front. Never
-- so late that its validity would be over before anybody looks.
local function place(record, account, free)
  local step = account.interval > 0 and account.interval or CONCURRENT / account.concurrency
  local due
  if record[REASON] == BUSY then
    due = math.max(free, (account.front or 0) + step)
    account.front = due
  else
    due = math.max(free, account.queued) + step
  end
  local last = math.max(free, record[EXPIRES] - LOOK)
  if due > last then
    return last
  end
  account.queued, account.used = math.max(account.queued, due), true
  return math.ceil(due)
end
