-- Loading records, one by one or some ahead.

-- The rest of the record of a message to which nothing happened yet: it is stored without.
-- updated, attempt, attempts, waits, account, deadline, vendor_message_id, code, reason, slot, avoid,
-- trail, counted
local REST = string.sub(cmsgpack.pack({0, 0, 0, 0, '', 0, '', '', '', 0, {}, {}, 0}), 2)

-- A record from what is stored. Without its head, which says how many there are, an array's values
-- make a table at once.
local function whole(packed)
  if string.byte(packed) == 220 then -- a head of three bytes: for more than fifteen
    return {cmsgpack.unpack(string.sub(packed, 4))}
  end
  local record = {cmsgpack.unpack(string.sub(packed, 2) .. REST)}
  record[UPDATED] = record[CREATED]
  return record
end

local AHEAD = 32 -- records that are read in one call
local fetched = {}

-- Before the record at a place of a list is loaded: read it and the next ones, some at once.
local function fetch(ids, place)
  if place % AHEAD ~= 1 then
    return
  end
  local names = {}
  for at = place, math.min(place + AHEAD - 1, #ids) do
    names[#names + 1] = MESSAGE .. ids[at]
  end
  for at, packed in ipairs(redis.call('MGET', unpack(names))) do
    fetched[ids[place + at - 1]] = packed
  end
end

-- Load a record. What was read ahead is good for one time: the record may be saved after.
local function load(id)
  local packed = fetched[id]
  if packed == nil then
    packed = redis.call('GET', MESSAGE .. id)
  end
  fetched[id] = nil
  return packed and whole(packed)
end
