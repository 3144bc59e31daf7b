-- A pump's ticket: what its last claim opened is remembered until its next one. When that says
-- that it never saw the answer, nothing of it can have left: it is taken back, instead of ending
-- unknown. A claim that the server carries out after a later one (it stood still, and the pump
-- asked again) opens nothing: nobody reads its answer any more.
-- Needs the parts: record window.

local MEMORY = 3600000

local function undo(id, attempt, windows, now)
  local record = load(id)
  local open = record and (record[STATUS] == 'submitting' or record[STATUS] == 'unknown')
  if not open or record[ATTEMPT] ~= attempt then
    return
  end
  close(id, record)
  give_back(record, windows[record[ACCOUNT]] or {}, 0, now)
  record[ATTEMPTS] = record[ATTEMPTS] - 1
  move(id, record, 'accepted', now, 'the claim was not answered')
  save(id, record)
  redis.call('LPUSH', READY .. record[STREAM], id)
end

-- Take back what the pump never heard of; returns whether this claim is overtaken by a later one.
local function overtaken(pump, turn, answered, accounts, now)
  local last, opened = string.match(redis.call('GET', CLAIMED .. pump) or '0 ', '^(%d+) (.*)$')
  last = tonumber(last)
  if last >= turn then
    return true
  end
  if last > answered and opened ~= '' then
    local windows = {}
    for _, account in ipairs(accounts) do
      windows[account.name] = account.windows
    end
    opened = cmsgpack.unpack(opened)
    for index = #opened - 1, 1, -2 do
      undo(opened[index], opened[index + 1], windows, now)
    end
  end
  return false
end

local function note_claim(pump, turn, opened)
  local packed = #opened > 0 and cmsgpack.pack(opened) or ''
  redis.call('SET', CLAIMED .. pump, string.format('%d ', turn) .. packed, 'PX', MEMORY)
end
