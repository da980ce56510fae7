-- Claims KEYS for the holder ARGV[1], for ARGV[2] milliseconds: all of them or none.
-- 0: claimed. n: the n-th key was accepted before. -n: it is in flight.
--
-- Without room the first SET is refused, and so is the script, before it has changed anything; what is
-- taken is told even then.
for n, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if holder == 'accepted' then return n end
  if holder then return -n end
end
for _, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 0
