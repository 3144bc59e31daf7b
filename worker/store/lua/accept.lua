-- Accept messages: deduplicate, store, make ready or schedule, ring. Stored in one step, so that
-- a message is either wholly there or not at all. Called again with the same ids (an answer was
-- lost) it changes nothing.
-- uses: record ring text
-- ARGV[1] the envelope's template
-- ARGV[2] retention: ms that a record outlives its validity
-- ARGV[3] ms that an idempotency key is remembered
-- ARGV[4] {digest = text} as MessagePack: what several of the messages say
-- ARGV[5..] twelve a message: id, idempotency key or '', digest of the content, stream, to,
--           content or '=' and its digest, length, segments, template, pin, tag,
--           "due validity" (ms)
-- returns one text a message: '' stored; '=' and the id that has the key; '!' and that id where
--         its content is another one

local envelope, retention, memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local answers, woken, shared, longest = {}, {}, cmsgpack.unpack(ARGV[4]), 0

local function store(at)
  local id, stream = ARGV[at], ARGV[at + 3]
  local due, validity = string.match(ARGV[at + 11], '^(-?%d+) (%d+)$')
  due, validity = tonumber(due), tonumber(validity)
  if due <= now then
    due = 0
  end
  local status = due > 0 and 'scheduled' or 'accepted'
  local expires = math.max(due, now) + validity
  local record = {
    status, stream, ARGV[at + 4], ARGV[at + 5], tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]),
    ARGV[at + 8], ARGV[at + 9], ARGV[at + 10], now, due, expires, now,
    0, 0, 0, '', 0, '', '', '', 0, {}, {}, 0,
  }
  if due > 0 then
    record[TRAIL] = {{now, status, '', '', due}}
  end
  local kept = expires - now + retention
  longest = math.max(longest, kept)
  if not redis.call('SET', MESSAGE .. id, cmsgpack.pack(record), 'NX', 'PX', kept) then
    return
  end
  if due > 0 then
    redis.call('ZADD', WAITING, due, id)
  else
    redis.call('RPUSH', READY .. stream, id)
    woken[stream] = true
  end
  tell(id, record)
end

for at = 5, #ARGV, 12 do
  local id, key, digest = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local answer = ''
  if key ~= '' then
    local once = redis.call('GET', ONCE .. key)
    if once then
      local first, said = string.match(once, '^(%S+) (%S+)$')
      if first ~= id then
        answer = (said == digest and '=' or '!') .. first
      end
    end
  end
  if answer == '' then
    store(at)
    if key ~= '' then
      redis.call('SET', ONCE .. key, id .. ' ' .. digest, 'PX', memory)
    end
  end
  answers[#answers + 1] = answer
end

for digest, text in pairs(longest > 0 and shared or {}) do
  keep_text(digest, text, longest)
end
for stream in pairs(woken) do
  ring(stream, envelope, now)
end
return answers
