-- Mend the breaker of an account whose probe passed.
-- uses: breaker
-- ARGV[1] account
-- returns 1 where it was open, 0 otherwise

return mend(ARGV[1])
