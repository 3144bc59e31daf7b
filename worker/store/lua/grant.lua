-- Grant one shard its shares of the accounts, on the first shard, where the ledger of all is. The
-- shares of an account never come to more than the whole: what a shard gives up is given to another
-- only when that shard says that the smaller share is in force there, and that no more is in use.
-- uses: record
-- ARGV[1] the shard's place
-- ARGV[2] how many shards there are
-- ARGV[3] version of the shares that are in force there
-- ARGV[4] one row an account as MessagePack: {name, need and least share from 0 to 1, share in force,
--         part of its slots that are in use}
-- returns {version, then the share of each as text}

local SILENT = 70000 -- ms: it counts with an equal part, to which it fell back some seconds ago
local CALM = 0.02 -- by less a share does not change
local NEXT_TO_NOTHING = 0.001 -- where all of it is in use elsewhere, for a moment

local place, shards, version, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), clock()
local rows = cmsgpack.unpack(ARGV[4])
local ledger = {}
for other = 0, shards - 1 do
  local packed = redis.call('HGET', LEDGER, other)
  ledger[other] = packed and cmsgpack.unpack(packed)
end
local mine = ledger[tonumber(place)] or {version = version, accounts = {}}
local in_force, forgotten = version == mine.version, version > mine.version
mine.version, mine.heard = math.max(mine.version, version), now

-- What another shard may be using, and what it needs; nil for a need that nobody told lately.
local function others(name)
  local held, needs, fixed = 0, {}, 0
  for other = 0, shards - 1 do
    local entry = other ~= tonumber(place) and ledger[other]
    local known = entry and entry.accounts[name]
    if other ~= tonumber(place) then
      if known and now - entry.heard <= SILENT then
        held = held + known.held
        needs[#needs + 1] = math.max(known.need, known.least)
      else
        local part = math.min(known and known.held or 1, 1 / shards)
        held, fixed = held + part, fixed + part
      end
    end
  end
  return held, needs, fixed
end

-- The share of one who needs so much: none gets more than it needs while another lacks something;
-- what is left is divided equally.
local function fair(own, needs, whole)
  local left, count, full = whole, #needs + 1, false
  needs[count] = own
  table.sort(needs)
  local part = 0
  for index, need in ipairs(needs) do
    part = math.min(need, left / (count - index + 1))
    if need >= own and not full then
      full = part
    end
    left = left - part
  end
  return full + math.max(0, left) / count
end

-- What this shard may be using of an account by now.
local function known_of(name, using, used)
  local known = mine.accounts[name] or {share = using, held = using}
  known.held = in_force and known.share or math.max(known.held, known.share, using)
  known.held = math.max(known.held, used)
  return known
end

local answer, changed = {0}, forgotten -- its word is newer than ours: a grant of before is none of it
for _, row in ipairs(rows) do
  local name, need, least, using, used = unpack(row)
  local known = known_of(name, using, used)
  known.need, known.least = need, least
  local held, needs, fixed = others(name)
  local share = math.min(fair(math.max(need, least), needs, 1 - fixed), 1 - held)
  share = math.max(share, NEXT_TO_NOTHING)
  local small = math.abs(share - known.share) < CALM and known.share <= 1 - held
  if not small or share > known.share and need > known.share then
    known.share, changed = share, true
    known.held = math.max(known.held, share)
  end
  mine.accounts[name] = known
  answer[#answer + 1] = string.format('%.6f', known.share)
end
if changed then
  mine.version = mine.version + 1
end
redis.call('HSET', LEDGER, place, cmsgpack.pack(mine))
answer[1] = mine.version
return answer
