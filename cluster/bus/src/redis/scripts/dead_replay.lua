-- ARGV: cid, key, envelope. Answers life, tick and the name it has; no name when there is no such dead letter.
local cid, key, m = ARGV[1], ARGV[2], ARGV[3]
local of = redis.call('HMGET', P .. 'd:' .. cid, 'n', 't')
local name = of[1]
if not name then return {life(), 0, ''} end
redis.call('DEL', P .. 'd:' .. cid)
redis.call('ZREM', P .. 'dead', cid)
count(name, 'dead', -1)
put(cid, 'W', name, of[2], 0, 0, enter(name, cid, key, m), '')
ring()
return {life(), tick(), name}
