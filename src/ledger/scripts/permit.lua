-- A permit for ARGV[1]: one of ARGV[2], for ARGV[3] milliseconds from now.
-- 1: it has one. -n: it has none, and n come before it.
--
-- KEYS[1] are those who have a permit, each until its time; KEYS[2] those who wait, in the order in which they
-- came; KEYS[3] when each of those asks again. Who finds nothing waits if ARGV[4] is more than 0, and asks again
-- within so many milliseconds.
local has, waits, due = KEYS[1], KEYS[2], KEYS[3]
-- Who is due so soon is waited for; who is overdue for so long has gone.
local SOON, GONE = 60, 500
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', has, '-inf', now)
local free = ARGV[2] - redis.call('ZCARD', has)
local barring = 0
if free > 0 then
  for _, other in ipairs(redis.call('ZRANGE', waits, 0, 99)) do
    if other == ARGV[1] or barring >= free then break end
    local at = tonumber(redis.call('ZSCORE', due, other) or 0)
    if at < now - GONE then
      redis.call('ZREM', waits, other)
      redis.call('ZREM', due, other)
    elseif at <= now + SOON then
      barring = barring + 1
    end
  end
end
-- A key must not end before what is in it.
local function keep(key, milliseconds)
  if redis.call('PTTL', key) < milliseconds then redis.call('PEXPIRE', key, milliseconds) end
end
if barring < free then
  redis.call('ZADD', has, now + ARGV[3], ARGV[1])
  keep(has, tonumber(ARGV[3]))
  redis.call('ZREM', waits, ARGV[1])
  redis.call('ZREM', due, ARGV[1])
  return 1
end
local place = redis.call('ZRANK', waits, ARGV[1])
local before = place or redis.call('ZCARD', waits)
local pause = tonumber(ARGV[4])
if pause > 0 then
  if not place then redis.call('ZADD', waits, time[1] * 1000000 + time[2], ARGV[1]) end
  redis.call('ZADD', due, now + pause, ARGV[1])
  keep(waits, pause + GONE)
  keep(due, pause + GONE)
end
return -before
