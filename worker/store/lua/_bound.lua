-- Bounds: how many recipients one call of an account may carry, since one with more was refused as
-- too large (bound), and until when that holds (bounded). It is one for all processes.

-- Returns the recipients and the ms for which that holds; nil where the vendor's own size is right.
local function bound(most, till, now)
  local left = (tonumber(till or '') or 0) - now
  if left > 0 then
    return tonumber(most), left
  end
  return nil
end

-- The bounds of some accounts as MessagePack: {account = {recipients, ms}}; '' where there is none.
local function bounds(accounts, now)
  local found = {}
  for _, account in ipairs(accounts) do
    local most, left = bound(account.bound, account.bounded, now)
    if most then
      found[account.name] = {most, left}
    end
  end
  return next(found) and cmsgpack.pack(found) or ''
end
