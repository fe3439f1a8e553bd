-- ARGV: now, most. Answers how many are ready now.
local now, most, moved = ARGV[1], tonumber(ARGV[2]), 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'LIMIT', 0, 64)) do
  local set = P .. 'z:' .. name
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, most - moved)) do
    redis.call('ZREM', set, member)
    local flag, attempts, cid = string.sub(member, 1, 1), tonumber(string.sub(member, 2, 7)), string.sub(member, 8, 47)
    local length = tonumber(string.sub(member, 48, 51))
    local key, m = string.sub(member, 52, 51 + length), string.sub(member, 52 + length)
    local id
    if flag == 'n' then id = enter(name, cid, key, m) else id = add(name, cid, attempts, key, m) end
    restate(cid, 'W', 0, attempts, id)
    moved = moved + 1
  end
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  if first[2] then redis.call('ZADD', P .. 'due', first[2], name) else redis.call('ZREM', P .. 'due', name) end
end
if moved > 0 then ring() end
return moved
