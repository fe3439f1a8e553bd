-- ARGV: cid. Answers its status and whether a node runs it; nothing when it is not known.
local status = redis.call('GET', P .. 's:' .. ARGV[1])
if not status then return {} end
local state, name, _, _, _, id = split(status)
local running = 0
if state == 'W' and id ~= '' and #redis.call('XPENDING', P .. 'q:' .. name, 'nodes', id, id, 1) > 0 then
  running = 1
end
return {status, running}
