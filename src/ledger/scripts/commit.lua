#!lua flags=allow-oom
-- Marks KEYS as accepted, each for ARGV[n] milliseconds from now, whichever delivery holds a claim. A longer earlier
-- retention stays.
--
-- It may run when Redis is full: the claim already has its memory, and an accepted delivery must not be forgotten.
for n, key in ipairs(KEYS) do
  local keep = tonumber(ARGV[n])
  local before = redis.call('GET', key) == 'accepted' and redis.call('PTTL', key) or 0
  if keep > before then
    redis.call('SET', key, 'accepted', 'PX', ARGV[n])
  elseif before <= 0 then
    redis.call('DEL', key)
  end
end
return 0
