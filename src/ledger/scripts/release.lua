-- Forgets the claim of ARGV[1] on KEYS, and nobody else's.
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return 0
