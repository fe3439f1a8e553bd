-- ARGV: per dead letter cid, name, attempts, accepted, died, failure, version, envelope. One that is known stays.
for i = 1, #ARGV, 8 do
  local cid, name = ARGV[i], ARGV[i + 1]
  if redis.call('EXISTS', P .. 's:' .. cid) == 0 then
    know(name)
    count(name, 'accepted', 1)
    bury(name, cid, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], '', ARGV[i + 7])
  end
end
return 0
