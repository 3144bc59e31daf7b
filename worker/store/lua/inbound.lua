-- Take in inbound messages: opt-outs first of all, then the inbox. The same one twice (a page that
-- was parsed again) is taken once.
-- uses: record event index optout
-- ARGV[1] ms that an inbound message is remembered, so that it is taken once
-- ARGV[2] how many the inbox keeps, about
-- ARGV[3..] seven a message: account, what it is known by there, sender (eleven digits), its alias,
--           'all' or 'signature' for how far it opts out or '', the account's own signature or '',
--           the letter as JSON with "message_id":"" in it
-- returns for each: '1' where it is new

local answers, scopes = {}, {}

-- Where a sender is suppressed: under the signature of the message that was answered, as far as
-- that is known; else everywhere. The same reply means the same, whatever was sent meanwhile.
local function scope_of(account, mark, alias, reach, accounts_own)
  if reach ~= 'signature' then
    return reach
  end
  local before = redis.call('GET', HEARD .. account .. ':' .. mark)
  if before and before ~= '1' then
    return before
  end
  local last = last_to(account, alias)
  local record = last and load(last)
  if not record then
    return 'all'
  end
  local own, inside = signatures(record)
  local signature = shown(own, accounts_own, inside)
  return signature ~= '' and SIGNED .. signature or 'all'
end

-- Tell of a letter, without what it says.
local function tell_of(account, sender, last, place, letter, scope)
  local from = masked(sender)
  happen('inbound', {
    account = account, from = from, extension = letter.extension, message_id = last,
    opt_out = letter.opted_out, id = place,
  })
  if scope ~= '' then
    happen('opt_out', {account = account, from = from, scope = scope, message_id = last, id = place})
  end
end

for at = 3, #ARGV, 7 do
  local scope = scope_of(ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  if scope ~= '' then
    if string.sub(scope, 1, #SIGNED) == SIGNED then
      redis.call('SADD', SIGNATURES, string.sub(scope, #SIGNED + 1))
    end
    redis.call('SADD', SUPPRESSED .. scope, ARGV[at + 2])
  end
  scopes[at] = scope
end
for at = 3, #ARGV, 7 do
  local account, mark, sender, alias = unpack(ARGV, at, at + 3)
  local known_by = scopes[at] ~= '' and scopes[at] or '1'
  local new = redis.call('SET', HEARD .. account .. ':' .. mark, known_by, 'NX', 'PX', ARGV[1])
  if new then
    local last = last_to(account, alias) or ''
    local letter = string.gsub(ARGV[at + 6], '"message_id":""', '"message_id":"' .. last .. '"', 1)
    local place = redis.call('XADD', INBOUND, 'MAXLEN', '~', ARGV[2], '*', 'letter', letter)
    tell_of(account, sender, last, place, cjson.decode(letter), scopes[at])
  end
  answers[#answers + 1] = new and '1' or ''
end
return answers
