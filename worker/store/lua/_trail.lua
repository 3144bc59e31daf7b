-- The trail of a record: its steps, and what they say of an attempt whose answer was lost.

local RESENT = 'resent' -- without proof that the submit before was not taken
local PROVEN = 'not found twice: it was not taken'

-- The trail keeps the first step and the last ones; the same wait over again takes no more room,
-- so that waiting never pushes out what the vendors said. That it was resent stays: once is enough.
local function note(trail, step)
  local last, before = trail[#trail], trail[#trail - 1]
  if before and last[2] == 'accepted' and before[2] == 'scheduled' and step[2] == 'scheduled'
    and before[3] == step[3] and before[4] == step[4] then
    trail[#trail] = nil
    trail[#trail] = nil
  elseif #trail >= 24 then
    table.remove(trail, trail[2][4] == RESENT and 3 or 2)
  end
  trail[#trail + 1] = step
end

-- The account that may have taken it before, by a submit whose answer was lost; nil for none.
local function in_doubt(record)
  for index = #record[TRAIL], 1, -1 do
    local step = record[TRAIL][index]
    if step[4] == RESENT then
      return step[3]
    elseif step[4] == PROVEN then
      return nil
    end
  end
  return nil
end

-- The same, even with proof that it didn't, where it waits to be submitted again: what is heard
-- meanwhile is about the time before.
local function waits_in_doubt(record)
  if record[STATUS] ~= 'accepted' and record[STATUS] ~= 'scheduled' then
    return nil
  end
  for index = #record[TRAIL], 1, -1 do
    local step = record[TRAIL][index]
    if step[4] == RESENT or step[4] == PROVEN then
      return step[3]
    elseif step[2] == 'submitting' then
      return nil
    end
  end
  return nil
end
