-- Removes ARGV[1] from KEYS: returns its permit and leaves the queue.
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 0
