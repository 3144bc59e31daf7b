-- Accept messages: deduplicate, store, make ready or schedule, ring. Stored in one step, so that
-- a message is either wholly there or not at all. Called again with the same ids (an answer was
-- lost) it changes nothing.
-- uses: record ring text
-- ARGV[1] the envelope's template
-- ARGV[2] retention: ms that a record outlives its validity
-- ARGV[3] ms that an idempotency key is remembered
-- ARGV[4] {texts, messages} as MessagePack: what several of the messages say, {digest = text}; and
--         sixteen a message: id, idempotency key or '', digest of the content, stream, to,
--         content or '=' and its digest, length, segments, template, pin, tag, due, validity (ms),
--         traceparent or '', alias of the number, signature
-- ARGV[5] what tells the number_key of the aliases from others, or ''
-- returns for each message that was not stored now its place and a text: '=' and the id that has
--         the key; '!' and that id where its content is another one

local envelope, retention, memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local known = redis.call('GET', NUMBER_KEY)
if known and ARGV[5] ~= '' and ARGV[5] ~= known then
  return {err = 'XINSHI privacy.number_key is not the one that the workers have'}
end
local texts, messages = unpack(cmsgpack.unpack(ARGV[4]))
local answers, woken, longest = {}, {}, 0

local function store(id, stream, to, content, length, segments, template, pin, tag, due, validity,
  trace, alias, sign)
  if due <= now then
    due = 0
  end
  local status = due > 0 and 'scheduled' or 'accepted'
  local expires = math.max(due, now) + validity
  local record = {
    status, stream, to, content, length, segments, template, pin, tag, now, due, expires, trace,
    alias, sign,
  }
  if due > 0 then
    record = whole(cmsgpack.pack(record))
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

-- The first message with this one's key, and whether it says the same; nil for none.
local function first_with(key, id, digest)
  local once = key ~= '' and redis.call('GET', ONCE .. key)
  if not once then
    return nil
  end
  local first, said = string.match(once, '^(%S+) (%S+)$')
  return first ~= id and (said == digest and '=' or '!') .. first or nil
end

for at = 1, #messages, 16 do
  local id, key, digest = messages[at], messages[at + 1], messages[at + 2]
  local first = first_with(key, id, digest)
  if first then
    answers[#answers + 1] = (at + 15) / 16
    answers[#answers + 1] = first
  else
    store(id, unpack(messages, at + 3, at + 15))
    if key ~= '' then
      redis.call('SET', ONCE .. key, id .. ' ' .. digest, 'PX', memory)
    end
  end
end

for digest, text in pairs(longest > 0 and texts or {}) do
  keep_text(digest, text, longest)
end
for stream in pairs(woken) do
  ring(stream, envelope, now)
end
return answers
