-- ARGV: cids. Answers the letter of the state of each, nothing for one that is not known.
local out = {}
for i, cid in ipairs(ARGV) do out[i] = redis.call('GETRANGE', P .. 's:' .. cid, 0, 0) end
return out
