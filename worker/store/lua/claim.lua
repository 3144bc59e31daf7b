-- Claim ready messages of one stream: for each pick an account that may carry it, take from all
-- its limits or from none, and write the attempt with its deadline. Only then may a byte leave.
-- A message that does not fit is put aside until the moment it will; when no account of the
-- stream has a free slot, the rest stays in the list and the answer says when to come back.
-- uses: record text wait ring release window cap optout share bound account ticket
-- ARGV[1] the envelope's template
-- ARGV[2] stream
-- ARGV[3] how many at the most
-- ARGV[4] the plan as MessagePack: {accounts, best first; evade: a capped message may go to the next
--         account at once; caps = {number, prefix, tag} = windows of our own; quiet = {begin, end in
--         minutes of the day, ms of spread} or false; suppress: heed opt-outs}. A window is
--         {count, ms or 0 for a day}; shards = how many, where there are several. Each account: {name,
--         sign = the signature of messages that have none, max_length, templates_only, templates =
--         {name = true}, windows, learns, interval = ms between two submits or 0, share of the rate
--         that this stream may not use, burst = ms, concurrency or 0, life = ms until the attempt counts as lost}
-- ARGV[5] "pump turn answered", the ticket, or ''
-- returns {ms until the next slot or 0, ids left in the list, {digest = text} as MessagePack of
--         those that records name, the bounds of calls (see _bound.lua), then id and record of
--         each message looked at}; those whose status is submitting are the caller's to submit

local envelope, stream, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local plan = cmsgpack.unpack(ARGV[4])
local accounts, evade = plan.accounts, plan.evade
local pump, turn, answered = string.match(ARGV[5], '^(%S+) (%d+) (%d+)$')
local now = clock()
local ready = READY .. stream
local answer, opened, seen, pause = {0, 0, '', ''}, {}, 0, nil

local function open(id, record, account, key, memory, caps)
  take_caps(record, caps, now)
  record[SLOT] = 0
  if #account.windows > 0 then
    take(key, memory, account.windows, now)
    record[SLOT] = now
  end
  record[ACCOUNT], record[VENDOR_MESSAGE_ID] = account.name, ''
  record[ATTEMPT], record[ATTEMPTS] = record[ATTEMPT] + 1, record[ATTEMPTS] + 1
  record[DEADLINE] = now + account.life
  count_attempt(account, id, record[DEADLINE], now)
  opened[#opened + 1] = id
  opened[#opened + 1] = record[ATTEMPT]
  said(record)
  return move(id, record, 'submitting', now)
end

-- End it; one that may have been taken before is unknown instead.
local function suppress(id, record, why)
  return move(id, record, in_doubt(record) and 'expired' or 'suppressed', now, why)
end

-- Decide about one record; returns false where the claim must stop before it.
local function decide(id, record)
  if now >= record[EXPIRES] then
    return move(id, record, 'expired', now, 'validity is over')
  end
  local out, barred = heed(accounts, record, plan)
  if out then
    return suppress(id, record, out)
  end
  local caps, held = gate(id, record, plan, now)
  if held then
    return true
  end
  local list, slot, capped = candidates(accounts, record, now), nil, nil
  for _, account in ipairs(list) do
    local key, memory, at
    if #account.windows > 0 or account.learns then
      key = number_key(account.name, alias(record))
      memory = redis.call('GET', key) or ''
      at = fits_at(memory, account.windows, now)
    end
    local free = busy_until(account, now)
    if not at and not free then
      return open(id, record, account, key, memory, caps)
    elseif not at then
      slot = (not slot or free < slot.at) and {at = free, account = account} or slot
    else
      capped = (not capped or at < capped.at) and {at = at, account = account} or capped
    end
    if at and not evade and account.down <= now then
      break
    end
  end
  if not slot and not capped then
    record[ACCOUNT] = ''
    if barred then
      return suppress(id, record, barred)
    end
    return move(id, record, in_doubt(record) and 'expired' or 'rejected', now, 'no account can carry it')
  end
  pause = slot and all_busy_until(accounts, now)
  if pause then
    return false
  end
  record[WAITS] = record[WAITS] + 1
  if slot and not (capped and capped.at < slot.at) then
    return park(id, record, place(record, slot.account, slot.at, now), now, BUSY)
  end
  record[ACCOUNT] = capped.account.name
  return park(id, record, capped.at, now, 'the number has had enough there for now')
end

if pump then
  turn, answered = tonumber(turn), tonumber(answered)
  if overtaken(pump, turn, answered, accounts, now) then
    return {0, redis.call('LLEN', ready), '', ''}
  end
end
if plan.shards then
  take_shares(accounts, plan.shards, now)
end
look_up_rates(accounts, stream, now)
local _, woken = release(most, now)
for other in pairs(woken) do
  if other ~= stream then
    ring(other, envelope, now)
  end
end

local ids = most > 0 and redis.call('LRANGE', ready, 0, most - 1) or {}
for at, id in ipairs(ids) do
  fetch(ids, at)
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
keep_accounts(accounts, stream, now)
if pump then
  note_claim(pump, turn, opened)
end

local left = redis.call('LLEN', ready)
if left == 0 then
  redis.call('DEL', AWAKE .. stream)
  for _, account in ipairs(accounts) do
    if not pause and account.queued > now then -- some wait for its slots: look again for them
      local due = due_soon(now)
      pause = due and math.max(now + 10, math.min(due, now + 50))
    end
  end
else
  redis.call('SET', AWAKE .. stream, 1, 'PX', 1000)
  if not pause and left >= 2 * most and redis.call('SET', HELP .. stream, 1, 'NX', 'PX', 250) then
    push(stream, envelope, now)
  end
end
answer[1], answer[2] = pause and math.max(1, pause - now) or 0, left
answer[3], answer[4] = next(texts) and cmsgpack.pack(texts) or '', bounds(accounts, now)
return answer
