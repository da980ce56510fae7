-- Claims KEYS for the holder ARGV[1] for ARGV[2] milliseconds: all of them or none.
-- Returns 0 if claimed, n if the n-th key was accepted before, -n if it is in flight.
--
-- When Redis is full, the first SET fails before the script has changed anything. A known key is still reported.
for n, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if holder == 'accepted' then return n end
  if holder then return -n end
end
for _, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
end
return 0
