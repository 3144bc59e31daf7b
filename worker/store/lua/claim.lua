-- Claim ready messages of one stream: for each pick an account that may carry it, take from all
-- its limits or from none, and write the attempt with its deadline. Only then may a byte leave.
-- A message that does not fit is put aside until the moment it will; when no account of the
-- stream has a free slot, the rest stays in the list and the answer says when to come back.
-- uses: record ring window
-- ARGV[1] the envelope's template
-- ARGV[2] stream
-- ARGV[3] how many at the most
-- ARGV[4] the stream's accounts, best first, as MessagePack; each {name, max_length,
--         templates_only, templates = {name = true}, windows = {{count, ms or 0 for a day}, ...},
--         learns, interval = ms between two submits or 0, burst = ms, concurrency or 0,
--         life = ms until the attempt counts as lost}
-- ARGV[5] '1' where a capped message may go to the next account at once
-- returns {ms until the next slot or 0, ids left in the list, then id and record of each message
--         looked at}; those whose status is submitting are the caller's to submit

local envelope, stream, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local accounts, evade = cmsgpack.unpack(ARGV[4]), ARGV[5] == '1'
local now = clock()
local ready = READY .. stream
local answer, seen, pause = {0, 0}, 0, nil

for _, account in ipairs(accounts) do
  local kept = redis.call('HMGET', RATE .. account.name, 'tat', 'queued')
  account.tat, account.queued = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
  account.open = account.concurrency > 0 and redis.call('ZCARD', OPEN .. account.name) or 0
end

-- The time at which the account has a free slot again; nil when it has one now.
local function busy_until(account)
  if account.concurrency > 0 and account.open >= account.concurrency then
    return now + 50
  end
  if account.interval > 0 and account.tat - account.burst > now then
    return math.ceil(account.tat - account.burst)
  end
  return nil
end

local function carries(account, record)
  if record[PIN] ~= '' and record[PIN] ~= account.name then
    return false
  end
  if record[TEMPLATE] ~= '' then
    if account.templates_only and not account.templates[record[TEMPLATE]] then
      return false
    end
  elseif account.templates_only then
    return false
  end
  return record[LENGTH] <= account.max_length
end

local function avoided(record, account)
  for _, name in ipairs(record[AVOID]) do
    if name == account.name then
      return true
    end
  end
  return false
end

-- The accounts that may carry a record: those that did not turn it down before come first.
local function candidates(record)
  local fresh, others = {}, {}
  for _, account in ipairs(accounts) do
    if carries(account, record) then
      local list = avoided(record, account) and others or fresh
      list[#list + 1] = account
    end
  end
  return #fresh > 0 and fresh or others
end

-- A place behind the others that wait for the same busy account, so that they don't all come
-- back for its next slot; never later than the message's last moment.
local function place(record, account, slot)
  local step = account.interval > 0 and account.interval or 50 / account.concurrency
  account.queued = math.max(account.queued, slot) + step
  account.used = true
  return math.max(slot, math.min(math.ceil(account.queued), record[EXPIRES] - 1))
end

local function open(id, record, account, key, memory)
  if account.interval > 0 then
    account.tat = math.max(account.tat, now) + account.interval
  end
  account.open = account.open + 1
  account.used = true
  record[SLOT] = 0
  if #account.windows > 0 then
    take(key, memory, account.windows, now)
    record[SLOT] = now
  end
  record[ACCOUNT] = account.name
  record[ATTEMPT] = record[ATTEMPT] + 1
  record[ATTEMPTS] = record[ATTEMPTS] + 1
  record[DEADLINE] = now + account.life
  redis.call('ZADD', OPEN .. account.name, record[DEADLINE], id)
  return move(record, 'submitting', now)
end

-- Decide about one record; returns false where the claim must stop before it.
local function decide(id, record)
  if now >= record[EXPIRES] then
    return move(record, 'expired', now, 'validity is over')
  end
  local list, full, slot, capped, capped_at = candidates(record), 0, nil, nil, nil
  if #list == 0 then
    record[ACCOUNT] = ''
    return move(record, 'rejected', now, 'no account can carry it')
  end
  for _, account in ipairs(list) do
    local free = busy_until(account)
    if free then
      full = full + 1
      if not slot or free < slot.at then
        slot = {at = free, account = account}
      end
    elseif #account.windows == 0 and not account.learns then
      return open(id, record, account)
    else
      local key = number_key(account.name, record[TO])
      local memory = redis.call('GET', key) or ''
      local at = fits_at(memory, account.windows, now)
      if not at then
        return open(id, record, account, key, memory)
      end
      if not capped or at < capped then
        capped, capped_at = at, account.name
      end
      if not evade then
        break
      end
    end
  end
  if full == #accounts then
    pause = slot.at
    return false
  end
  record[WAITS] = record[WAITS] + 1
  if slot and not (capped and capped < slot.at) then
    local due = place(record, slot.account, slot.at)
    return park(id, record, due, now, 'every account that can carry it is busy')
  end
  record[ACCOUNT] = capped_at
  return park(id, record, capped, now, 'the number has had enough there for now')
end

local ids = redis.call('LRANGE', ready, 0, most - 1)
for _, id in ipairs(ids) do
  local record = load(id)
  if record and record[STATUS] == 'accepted' then
    if not decide(id, record) then
      break
    end
    answer[#answer + 1] = id
    answer[#answer + 1] = save(id, record)
  end
  seen = seen + 1
end
redis.call('LTRIM', ready, seen, -1)

for _, account in ipairs(accounts) do
  if account.used then
    redis.call('SADD', ACCOUNTS, account.name)
    if account.interval > 0 or account.queued > now then
      redis.call('HSET', RATE .. account.name, 'tat', string.format('%.3f', account.tat),
        'queued', string.format('%.3f', account.queued))
    end
  end
end

local left = redis.call('LLEN', ready)
if left == 0 then
  redis.call('DEL', AWAKE .. stream)
else
  redis.call('SET', AWAKE .. stream, 1, 'PX', 1000)
  if not pause and left >= 2 * most and redis.call('SET', HELP .. stream, 1, 'NX', 'PX', 250) then
    push(stream, envelope, now)
  end
end
answer[1], answer[2] = pause and math.max(1, pause - now) or 0, left
return answer
