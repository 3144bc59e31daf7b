-- Texts that several messages say: stored once, and named in their records as '=' and a digest.
-- Needs the part: record.

local texts = {}

-- What a record says, as JSON; '' where it was removed.
local function said(record)
  local digest = string.match(record[CONTENT], '^=(.+)$')
  if not digest then
    return record[CONTENT]
  end
  texts[digest] = texts[digest] or redis.call('GET', TEXT .. digest) or ''
  return texts[digest]
end

-- Keep a text at least as long as a record that names it.
local function keep_text(digest, text, kept)
  if redis.call('PTTL', TEXT .. digest) < kept then
    redis.call('SET', TEXT .. digest, text, 'PX', kept)
  end
end
