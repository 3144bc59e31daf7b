-- Emit one event that no script comes upon by itself, where events are kept.
-- uses: record event
-- ARGV[1] the event as MessagePack
-- returns its id; '' where none are kept

return emit(ARGV[1]) or ''
