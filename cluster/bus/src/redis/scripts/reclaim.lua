-- ARGV: now, lease, most leases lost, failure of one that lost that many, most. Answers life, tick, how many
-- were taken back, and name and cid of each that was given up.
local now, lease, lost, failure, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local this, moved, buried = life(), 0, {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'names')) do
  local stream = P .. 'q:' .. name
  local cursor = redis.call('XLEN', stream) > 0 and '-' or '0-0'
  while cursor ~= '0-0' and moved < most do
    local from = cursor == '-' and '0-0' or cursor
    local got = redis.call('XAUTOCLAIM', stream, 'nodes', 'reclaim', lease, from, 'COUNT', most)
    cursor = got[1]
    for _, entry in ipairs(got[2]) do
      local cid, attempts, key, m = entry[2][2], tonumber(entry[2][4]) + 1, entry[2][6], entry[2][8]
      redis.call('XACK', stream, 'nodes', entry[1])
      redis.call('XDEL', stream, entry[1])
      if attempts >= lost then
        local _, _, accepted = split(redis.call('GET', P .. 's:' .. cid) or 'W\n\n0\n0\n0\n\n')
        buried[#buried + 1] = name
        buried[#buried + 1] = cid
        bury(name, cid, attempts, accepted, now, failure, '', key, m)
      else
        restate(cid, 'W', 0, attempts, add(name, cid, attempts, key, m))
      end
      moved = moved + 1
    end
  end
end
if moved > 0 then ring() end
return {this, #buried > 0 and tick() or 0, moved, buried}
