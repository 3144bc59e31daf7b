-- Take in inbound messages: opt-outs first of all, then the inbox. The same one twice (a page that
-- was parsed again) is taken once.
-- uses: record
-- ARGV[1] ms that an inbound message is remembered, so that it is taken once
-- ARGV[2] how many the inbox keeps, about
-- ARGV[3..] five a message: account, what it is known by there, sender (eleven digits), scope in
--           which it is suppressed or '', the letter as JSON with "message_id":"" in it
-- returns for each: '1' where it is new

local answers = {}
for at = 3, #ARGV, 5 do
  if ARGV[at + 3] ~= '' then
    redis.call('SADD', SUPPRESSED .. ARGV[at + 3], ARGV[at + 2])
  end
end
for at = 3, #ARGV, 5 do
  local account, mark, sender = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local new = redis.call('SET', HEARD .. account .. ':' .. mark, 1, 'NX', 'PX', ARGV[1])
  if new then
    local last = redis.call('GET', LAST .. account .. ':' .. sender) or ''
    local letter = string.gsub(ARGV[at + 4], '"message_id":""', '"message_id":"' .. last .. '"', 1)
    redis.call('XADD', INBOUND, 'MAXLEN', '~', ARGV[2], '*', 'letter', letter)
  end
  answers[#answers + 1] = new and '1' or ''
end
return answers
