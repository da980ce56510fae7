-- Releases the claim of ARGV[1] on KEYS. Claims of other holders stay.
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return 0
