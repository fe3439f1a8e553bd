-- ARGV: consumer, then per lease name and stream id. An entry that is gone, or a group that is, is a lost lease.
for i = 2, #ARGV, 2 do
  redis.pcall('XCLAIM', P .. 'q:' .. ARGV[i], 'nodes', ARGV[1], 0, ARGV[i + 1], 'JUSTID')
end
return 0
