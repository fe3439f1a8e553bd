-- ARGV: now, dead letters that died before this go, time to keep a status, most, idle time of a consumer that is gone.
-- Answers name and cid of each dead letter that was let go.
local now, before, keep, most, idle = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local gone = {}
for _, cid in ipairs(redis.call('ZRANGEBYSCORE', P .. 'dead', '-inf', '(' .. before, 'LIMIT', 0, most)) do
  gone[#gone + 1] = discard(cid, now, keep)
  gone[#gone + 1] = cid
end
for _, name in ipairs(redis.call('SMEMBERS', P .. 'names')) do
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', P .. 'q:' .. name, 'nodes')) do
    local of = {}
    for i = 1, #consumer, 2 do of[consumer[i]] = consumer[i + 1] end
    -- With entries of its own it stays: they would vanish with it.
    if of['pending'] == 0 and of['idle'] > idle then
      redis.call('XGROUP', 'DELCONSUMER', P .. 'q:' .. name, 'nodes', of['name'])
    end
  end
end
return gone
