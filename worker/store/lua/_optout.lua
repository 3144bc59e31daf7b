-- Opt-outs and blacklists: the numbers that get no marketing at all, by one account, or under one
-- signature.
-- Needs the part: record.

local SIGNED = 'sign:' -- begins the scope of a signature

-- The signature that a message says itself, or the one that its text begins with; '' for none.
local function signatures(record)
  local sign = record[SIGN] or ''
  if string.sub(sign, 1, 3) == '【' then
    return '', string.sub(sign, 4)
  end
  return sign, ''
end

-- The signature that a handset shows: a vendor puts the message's own in front, else the account's.
local function shown(own, accounts_own, inside)
  return own ~= '' and own or accounts_own ~= '' and accounts_own or inside
end

local listed = {} -- scope -> whether it lists anybody, looked up once a claim

local function is_suppressed(scope, digits)
  if listed[scope] == nil then
    listed[scope] = redis.call('EXISTS', SUPPRESSED .. scope) == 1
  end
  return listed[scope] and redis.call('SISMEMBER', SUPPRESSED .. scope, digits) == 1
end

local by_signature -- whether numbers opted out of a signature at all: looked up once a claim

-- Why a number is out under a signature, where it is.
local function out_of(signature, digits)
  if signature ~= '' and is_suppressed(SIGNED .. signature, digits) then
    return 'the recipient opted out of 【' .. signature .. '】'
  end
  return nil
end

-- Heed the lists, where a stream does: marks the accounts that may not carry a record. Returns why
-- none may, where it is for the recipient's own word; and why one may not, where another may.
local function heed(accounts, record, plan)
  if not plan.suppress then
    return nil, nil
  end
  local digits, own, inside = string.sub(record[TO], -11), '', ''
  if is_suppressed('all', digits) then
    return 'the recipient opted out of everything', nil
  end
  if by_signature == nil then
    by_signature = redis.call('EXISTS', SIGNATURES) == 1
  end
  if by_signature then
    own, inside = signatures(record)
    local out = out_of(own, digits)
    if out then
      return out, nil
    end
  end
  local barred
  for _, account in ipairs(accounts) do
    local why
    if record[PIN] == '' or record[PIN] == account.name then
      if is_suppressed(account.name, digits) then
        why = 'the recipient is on the blacklist of ' .. account.name
      elseif by_signature and own == '' then
        why = out_of(shown(own, account.sign, inside), digits)
      end
    end
    account.barred, barred = why ~= nil, barred or why
  end
  return nil, barred
end
