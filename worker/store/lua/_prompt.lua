-- Promptness: how many messages an account takes in each span of time, and how many of those have
-- their report soon. Counted while a script runs, and written once, at its end.
-- Needs the part: record.

local SPAN = 300000 -- ms that are counted together, by the time at which the messages were taken
local REMEMBERED = 93600000 -- ms that a span is kept: a day, and some to look back from its end

local soon -- ms within which a report is prompt; nil where nothing is counted
local promptness = {}

local function count(account, what, at, times)
  local own = promptness[account] or {}
  local field = what .. ':' .. math.floor(at / SPAN)
  own[field] = (own[field] or 0) + times
  promptness[account] = own
end

-- Count what a report does to a record, which had a status since a time: a message is taken once,
-- and ends once. One whose answer was lost has no time from which to count.
local function count_report(record, before, since, came, now)
  local account, ended, overtook = record[ACCOUNT], record[STATUS] ~= 'submitted', before == 'submitting'
  if not soon or record[STATUS] == before then
    return
  end
  if overtook or not ended then
    count(account, 'taken', now, 1)
  end
  if overtook and ended then
    count(account, 'prompt', now, 1)
  elseif before == 'submitted' and came - since <= soon then
    count(account, 'prompt', since, 1)
  end
end

-- The first count of a new span lets the key live on, and those go that are too old.
local function begin_span(key, now)
  local first, kept = math.floor((now - REMEMBERED) / SPAN), redis.call('HGETALL', key)
  for at = 1, #kept, 2 do
    if tonumber(string.match(kept[at], '%d+$')) < first then
      redis.call('HDEL', key, kept[at])
    end
  end
  redis.call('PEXPIRE', key, REMEMBERED)
end

local function keep_promptness(now)
  for account, own in pairs(promptness) do
    local key, new = PROMPT .. account, false
    for field, times in pairs(own) do
      new = redis.call('HINCRBY', key, field, times) == times or new
    end
    if new then
      begin_span(key, now)
    end
  end
end
