-- A permit for ARGV[1]: one of ARGV[2], for ARGV[3] milliseconds from now.
-- 1: it has one. 0: it is the next to get one. -n: so many come before it.
--
-- KEYS[1] are those who have a permit, each until its time; KEYS[2] those who wait, in the order in which they
-- came; KEYS[3] until when each of them counts that does not ask again. Who finds nothing waits if ARGV[4] is
-- more than 0, and counts for so many milliseconds.
local has, waits, counts = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', has, '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', counts, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('ZREM', waits, gone)
  redis.call('ZREM', counts, gone)
end
local free = ARGV[2] - redis.call('ZCARD', has)
local place = redis.call('ZRANK', waits, ARGV[1])
local before = place or redis.call('ZCARD', waits)
-- A key must not end before what is in it.
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then redis.call('PEXPIRE', key, milliseconds) end
end
if before < free then
  redis.call('ZADD', has, now + ARGV[3], ARGV[1])
  keep(has, tonumber(ARGV[3]))
  redis.call('ZREM', waits, ARGV[1])
  redis.call('ZREM', counts, ARGV[1])
  return 1
end
local stays = tonumber(ARGV[4])
if stays > 0 then
  if not place then redis.call('ZADD', waits, time[1] * 1000000 + time[2], ARGV[1]) end
  redis.call('ZADD', counts, now + stays, ARGV[1])
  keep(waits, stays)
  keep(counts, stays)
end
return math.max(free, 0) - before
