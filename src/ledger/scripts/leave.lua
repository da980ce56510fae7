-- Takes ARGV[1] out of KEYS: its permit is given back, and it waits for none.
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 0
