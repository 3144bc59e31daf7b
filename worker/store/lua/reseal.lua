-- Put texts in the place of what was read, sealed anew: only where that still stands there, as any
-- change since then is newer. What they say stays the same, so nothing is told.
-- uses: record
-- ARGV[1] 'message' or 'text'
-- ARGV[2..] three a text: the message's id or the shared text's digest, what was read, what it
--           becomes
-- returns how many were put there

local put = 0

local function put_in_record(id, before, after)
  local record = load(id)
  if record and record[CONTENT] == before then
    record[CONTENT] = after
    save(id, record)
    put = put + 1
  end
end

local function put_in_text(digest, before, after)
  if redis.call('GET', TEXT .. digest) == before then
    redis.call('SET', TEXT .. digest, after, 'KEEPTTL')
    put = put + 1
  end
end

for at = 2, #ARGV, 3 do
  (ARGV[1] == 'message' and put_in_record or put_in_text)(ARGV[at], ARGV[at + 1], ARGV[at + 2])
end
return put
