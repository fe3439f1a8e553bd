-- ARGV: cid, envelope. Answers 0 when there is no such dead letter.
local key = P .. 'd:' .. ARGV[1]
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HSET', key, 'm', ARGV[2])
return 1
