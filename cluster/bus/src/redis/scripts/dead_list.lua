-- ARGV: service (empty: all), offset, most. Answers how many there are and, newest first, per letter cid, name, accepted,
-- died, attempts, failure, version, length.
local service, skip, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local total, letters, at = 0, {}, 0
while true do
  local cids = redis.call('ZREVRANGE', P .. 'dead', at, at + 499)
  if #cids == 0 then break end
  at = at + #cids
  for _, cid in ipairs(cids) do
    local key = P .. 'd:' .. cid
    if service == '' or string.sub(redis.call('HGET', key, 'n'), 3) == service then
      total = total + 1
      if total > skip and #letters < most then
        local of = redis.call('HMGET', key, 'n', 't', 'x', 'a', 'f', 'v')
        letters[#letters + 1] = {cid, of[1], of[2], of[3], of[4], of[5], of[6], redis.call('HSTRLEN', key, 'm')}
      end
    end
  end
  if service == '' and #letters >= most then
    total = redis.call('ZCARD', P .. 'dead')
    break
  end
end
return {total, letters}
