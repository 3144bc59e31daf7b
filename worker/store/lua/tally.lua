-- Count the events behind a place, and measure how long some of the messages took. Reads only.
-- uses: record
-- ARGV[1] the place
-- ARGV[2] how many events at the most
-- ARGV[3] of how many messages the record is looked up to measure it
-- ARGV[4] ms that are counted together
-- returns {clock in ms, place behind what was read, how many that was,
--          {slot, type, account, how many ...} with the slot as ms / ARGV[4],
--          {slot, 'taken', 'answer' or 'report', account, ms ...}}

local place, span, left = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[3])
local counts, order, times = {}, {}, {}

local function count(slot, kind, account)
  local key = slot .. ' ' .. kind .. ' ' .. account
  if not counts[key] then
    counts[key] = {slot, kind, account, 0}
    order[#order + 1] = key
  end
  counts[key][4] = counts[key][4] + 1
end

local function measured(slot, what, account, from, to)
  for _, each in ipairs({slot, what, account, math.max(0, to - from)}) do
    times[#times + 1] = each
  end
end

-- From the moment a message might go until a vendor took it; the vendor's answer alone; its report.
local function measure(slot, kind, id, account)
  local record = load(id)
  if not record then
    return
  end
  local asked, took, told
  for _, step in ipairs(record[TRAIL]) do
    if step[2] == 'submitting' then
      asked, took = step[1], nil
    elseif step[2] == 'submitted' then
      took = took or step[1]
    elseif step[2] == 'delivered' then
      told = step[1]
    end
  end
  if kind == 'submitted' and asked and took then
    measured(slot, 'taken', account, math.max(record[CREATED], record[DUE]), took)
    measured(slot, 'answer', account, asked, took)
  elseif kind == 'delivered' and took and told then
    measured(slot, 'report', account, took, told)
  end
end

local entries = redis.call('XRANGE', EVENTS, '(' .. place, '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  place = entry[1]
  local slot = math.floor(tonumber(string.match(place, '^%d+')) / span)
  local event = cmsgpack.unpack(entry[2][2])
  local kind = event[1] or event.type
  local account = event[4] or event.data and event.data.account or ''
  count(slot, kind, account)
  if left > 0 and event[1] and (kind == 'submitted' or kind == 'delivered') then
    left = left - 1
    measure(slot, kind, event[2], account)
  end
end

local flat = {}
for _, key in ipairs(order) do
  for _, each in ipairs(counts[key]) do
    flat[#flat + 1] = each
  end
end
return {clock(), place, #entries, flat, times}
