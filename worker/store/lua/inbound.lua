-- Take in inbound messages: opt-outs first of all, then the inbox. The same one twice (a page that
-- was parsed again) is taken once.
-- uses: record
-- ARGV[1] ms that an inbound message is remembered, so that it is taken once
-- ARGV[2] how many the inbox keeps, about
-- ARGV[3..] four a message: what it is known by, sender (eleven digits), scope in which it is
--           suppressed or '', the letter as JSON with "message_id":"" in it
-- returns for each: '1' where it is new

local answers = {}
for at = 3, #ARGV, 4 do
  local sender, scope = ARGV[at + 1], ARGV[at + 2]
  if scope ~= '' then
    redis.call('SADD', SUPPRESSED .. scope, sender)
  end
  if redis.call('SET', HEARD .. ARGV[at], 1, 'NX', 'PX', ARGV[1]) then
    local last = redis.call('GET', LAST .. sender) or ''
    local letter = string.gsub(ARGV[at + 3], '"message_id":""', '"message_id":"' .. last .. '"', 1)
    redis.call('XADD', INBOUND, 'MAXLEN', '~', ARGV[2], '*', 'letter', letter)
    answers[#answers + 1] = '1'
  else
    answers[#answers + 1] = ''
  end
end
return answers
