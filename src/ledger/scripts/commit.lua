#!lua flags=allow-oom
-- Remembers KEYS as accepted, each for ARGV[n] milliseconds from now, whoever holds a claim. If one was
-- accepted before, the longer memory counts.
--
-- It may be done without room: what was claimed has room, and must not be forgotten for the lack of it.
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
