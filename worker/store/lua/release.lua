-- Release what is due from the waiting set to its ready list, and ring.
-- uses: record ring release
-- ARGV[1] the envelope's template
-- ARGV[2] how many at the most
-- returns {released, those that were due and no longer waited, '1' where more are due}

local envelope, most, now = ARGV[1], tonumber(ARGV[2]), clock()
local counts, woken = release(most, now)

for stream in pairs(woken) do
  ring(stream, envelope, now)
end
return {counts.released, counts.dropped, counts.more and 1 or 0}
