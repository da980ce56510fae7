-- Takes the first of KEYS[2..] that nobody has for the holder ARGV[1], for ARGV[2] milliseconds.
-- n: the n-th of them is taken. 0: somebody has each of them, or somebody else comes next.
--
-- KEYS[1] is who comes next. Whoever finds everything taken and waits may put itself there for ARGV[3]
-- milliseconds, and is passed by nobody as long as it goes on asking; 0 if it does not wait.
local next = redis.call('GET', KEYS[1])
if next and next ~= ARGV[1] then return 0 end
for n = 2, #KEYS do
  if redis.call('SET', KEYS[n], ARGV[1], 'NX', 'PX', ARGV[2]) then
    if next then redis.call('DEL', KEYS[1]) end
    return n - 1
  end
end
if ARGV[3] ~= '0' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3]) end
return 0
