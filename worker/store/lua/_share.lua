-- Shares: which part of each account's rate and slots this one of several shards may use. It is
-- granted by the first shard (see grant.lua); for a minute without a word it is an equal part at most.

local function take_shares(accounts, shards, now)
  local names = {'until'}
  for index, account in ipairs(accounts) do
    names[index + 1] = 'part:' .. account.name
  end
  local kept = redis.call('HMGET', SHARES, unpack(names))
  local granted = (tonumber(kept[1]) or 0) > now
  for index, account in ipairs(accounts) do
    local part = tonumber(kept[index + 1]) or 1 / shards
    account.part = granted and part or math.min(part, 1 / shards)
    account.whole, account.interval = account.interval, account.interval / account.part
    if account.concurrency > 0 then
      account.concurrency = math.max(1, math.floor(account.concurrency * account.part + 0.000001))
    end
  end
end

-- What was taken at the pace of one share, told in that of another.
local function at_pace(account, moment, before, now)
  if not account.part or not before or moment <= now then
    return moment
  end
  return now + (moment - now) * before / account.part
end
