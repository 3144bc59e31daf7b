-- The choice among a stream's accounts: which may carry a record, which has a free slot and when.
-- Needs the parts: record wait window share.

local CONCURRENT = 50 -- ms after which a look for a free slot is worth it, where only answers free one
local LOOK = 2000 -- ms before the end of its validity at which a message is looked at for the last time
local LEFT_ALONE = 20000 -- ms after which an account that is left alone is looked at: it may be well sooner

-- How many attempts may be open at once: what is set, what was learned from complaints (it grows
-- back within some twenty seconds), and one where the next is a probe.
local function most_open(account, limit, limited, now)
  local most = account.concurrency > 0 and account.concurrency or math.huge
  if limit then
    most = math.min(most, limit + (now - limited) / 1000 * math.max(1, limit * 0.05))
  end
  return account.half and 1 or math.max(1, math.floor(most))
end

local function look_up_rates(accounts, stream, now)
  for _, account in ipairs(accounts) do
    local kept = redis.call('HMGET', STATE .. account.name, 'tat', 'bulk', 'queued:' .. stream,
      'down', 'half', 'limit', 'limited', 'part', 'bound', 'bounded')
    local part = tonumber(kept[8] or '')
    account.tat = at_pace(account, tonumber(kept[1]) or 0, part, now)
    account.bulk = at_pace(account, tonumber(kept[2]) or 0, part, now)
    account.queued, account.down = tonumber(kept[3]) or 0, tonumber(kept[4]) or 0
    account.half, account.bound, account.bounded = kept[5], kept[9], kept[10]
    local limit, limited = tonumber(kept[6]), tonumber(kept[7])
    local counts = account.concurrency > 0 or account.half or limit
    account.open = counts and redis.call('ZCARD', OPEN .. account.name) or 0
    account.most = most_open(account, limit, limited, now)
    account.never, account.deadlines = '!' .. account.name, {}
  end
end

-- Write what a claim did to the accounts: the attempts it opened, and the rates.
local function keep_accounts(accounts, stream, now)
  for _, account in ipairs(accounts) do
    if #account.deadlines > 0 then
      redis.call('ZADD', OPEN .. account.name, unpack(account.deadlines))
    end
    if account.used then
      redis.call('SADD', ACCOUNTS, account.name)
      if account.interval > 0 or account.queued > now then
        redis.call('HSET', STATE .. account.name, 'tat', string.format('%.3f', account.tat),
          'bulk', string.format('%.3f', account.bulk),
          'queued:' .. stream, string.format('%.3f', account.queued))
      end
      if account.part then
        redis.call('HSET', STATE .. account.name, 'part', account.part)
        redis.call('HINCRBY', STATE .. account.name, 'taken', account.taken or 0)
      end
    end
  end
end

-- The time at which the account has a free slot again; nil when it has one now.
local function busy_until(account, now)
  if account.down > now then
    return math.min(account.down, now + LEFT_ALONE)
  end
  if account.open >= account.most then
    return now + CONCURRENT
  end
  if account.interval > 0 then
    local free = account.tat
    if account.share > 0 then -- the rest of the rate is otp's
      free = math.max(free, account.bulk)
    end
    if free - account.burst > now then
      return math.ceil(free - account.burst)
    end
  end
  return nil
end

local function count_attempt(account, id, deadline, now)
  account.deadlines[#account.deadlines + 1] = deadline
  account.deadlines[#account.deadlines + 1] = id
  account.open = account.open + 1
  account.used, account.taken = true, (account.taken or 0) + 1
  if account.interval > 0 then
    account.tat = math.max(account.tat, now) + account.interval
    if account.share > 0 then
      account.bulk = math.max(account.bulk, now) + account.interval / (1 - account.share)
    end
  end
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
  if record[PIN] ~= '' and record[PIN] ~= account.name or record[LENGTH] > account.max_length
    or account.barred or avoids(record, account.never) then
    return false
  end
  return not account.templates_only or account.templates[record[TEMPLATE]] == true
end

-- The accounts that may carry a record; those that turned it down before only where each other is
-- left alone, the one that did so longest ago first.
local function candidates(accounts, record, now)
  local fresh, others, awake = {}, nil, false
  for _, account in ipairs(accounts) do
    if carries(account, record) then
      local turned_down = avoids(record, account.name)
      if turned_down then
        others = others or {}
        others[#others + 1] = {account = account, turn = turned_down}
      else
        fresh[#fresh + 1] = account
        awake = awake or account.down <= now
      end
    end
  end
  if awake or not others then
    return fresh
  end
  table.sort(others, function(one, other) return one.turn < other.turn end)
  for _, each in ipairs(others) do
    fresh[#fresh + 1] = each.account
  end
  return fresh
end

-- A place behind the others of the stream that wait for the same busy account, so that they don't
-- all come back for its next slot; who came back and found it taken gets one at the front. Never
-- so late that its validity would be over before anybody looks.
local function place(record, account, free, now)
  local step = account.whole or account.interval -- a share may grow before that
  if step == 0 then
    step = CONCURRENT / math.min(account.most, CONCURRENT)
  elseif account.share > 0 then
    step = step / (1 - account.share)
  end
  local due
  if record[REASON] == BUSY then
    due = math.max(free, (account.front or 0) + step)
    account.front = due
  else
    due = math.max(free, account.queued) + step
  end
  local first = account.down > now and now + 10 * CONCURRENT or free
  local last = math.max(first, record[EXPIRES] - LOOK)
  if due > last then
    return last
  end
  account.queued, account.used = math.max(account.queued, due), true
  return math.ceil(due)
end
