-- Under which id a vendor knows a message, for its reports, and the last message to a number, for
-- its replies. Most numbers get one message in that time: the last one's key serves for both, and
-- only those before it have keys of their own.
-- Needs the part: record.

-- The last message that an account took to a number, and under which id; nil for none.
local function last_to(account, number)
  local last = redis.call('GET', LAST .. account .. ':' .. number)
  if last then
    return string.match(last, '^(%S+) (.*)$')
  end
  return nil
end

local function index(id, record, vendor_id, memory)
  local account, number, said = record[ACCOUNT], alias(record), id .. ' ' .. vendor_id
  record[VENDOR_MESSAGE_ID] = vendor_id
  local before = redis.call('SET', LAST .. account .. ':' .. number, said, 'PX', memory, 'GET')
  if before and before ~= said then
    local its_id, its_vendor_id = string.match(before, '^(%S+) (.*)$')
    redis.call('SET', VENDOR_ID .. account .. ':' .. its_vendor_id .. ':' .. number, its_id, 'PX', memory)
  end
end

-- The message that a vendor's id stands for at a number; nil where that is not known (yet).
local function indexed(account, vendor_id, number)
  local id, its_vendor_id = last_to(account, number)
  if its_vendor_id == vendor_id then
    return id
  end
  return redis.call('GET', VENDOR_ID .. account .. ':' .. vendor_id .. ':' .. number) or nil
end
