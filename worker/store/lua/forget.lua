-- Forget messages to one number: their records, and what names them by their ids. In the ready list
-- an id may be left: a claim passes over what has no record.
-- uses: record
-- ARGV[1] the number, E.164
-- ARGV[2] '1': those on their way as well
-- ARGV[3..] ids
-- returns {how many were forgotten, how many are on their way and stay}

local DONE = {submitted = true, delivered = true, undelivered = true, rejected = true, expired = true,
  suppressed = true, cancelled = true}

local function forget(id, record)
  redis.call('DEL', MESSAGE .. id)
  for _, set in ipairs({WAITING, UNKNOWN, DEAD, OUTLIVED, OPEN .. record[ACCOUNT]}) do
    redis.call('ZREM', set, id)
  end
  local known = record[ACCOUNT] .. ':' .. record[VENDOR_MESSAGE_ID] .. ':' .. alias(record)
  redis.call('DEL', VENDOR_ID .. known)
end

local forgotten, stay = 0, 0
for at = 3, #ARGV do
  local record = load(ARGV[at])
  if record and record[TO] == ARGV[1] then
    if DONE[record[STATUS]] or ARGV[2] == '1' then
      forget(ARGV[at], record)
      forgotten = forgotten + 1
    else
      stay = stay + 1
    end
  end
end
return {forgotten, stay}
