-- Takes a permit for ARGV[1]: one of ARGV[2], for ARGV[3] milliseconds.
-- Returns 1 if it has one, or -n if it has none and n waiters are in front of it.
--
-- KEYS[1] holds the permits with their expiry, KEYS[2] the waiters in order of arrival, KEYS[3] the time of each
-- waiter's next poll. Without a permit it joins the queue if ARGV[4] is above 0, and polls again within that time.
local has, waits, due = KEYS[1], KEYS[2], KEYS[3]
-- A waiter that is due within SOON keeps its turn; one that is overdue by GONE has left.
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
-- A key must not expire before its content.
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
