-- ARGV: now, most pending, then per message cid, name, due (0: at once), key, accepted, envelope.
-- Answers per message 0 kept, 1 known already, or 1 + the number pending when that is too many.
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local out, accepted_of, total = {}, {}, 0
for i = 3, #ARGV, 6 do
  local cid, name, due, key, accepted, m = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  if redis.call('EXISTS', P .. 's:' .. cid) == 1 then
    out[#out + 1] = 1
  else
    if not accepted_of[name] then
      accepted_of[name] = 0
      if redis.call('SADD', P .. 'names', name) == 1 then
        redis.call('XGROUP', 'CREATE', P .. 'q:' .. name, 'nodes', '0', 'MKSTREAM')
      end
    end
    local pending = 0
    for _, class in ipairs({'d:', 'f:'}) do
      local both = class .. string.sub(name, 3)
      pending = pending + redis.call('XLEN', P .. 'q:' .. both) + redis.call('ZCARD', P .. 'z:' .. both)
        + redis.call('HLEN', P .. 'h:' .. both)
    end
    if pending >= most then
      out[#out + 1] = 1 + pending
    else
      if due > now then
        later(name, 'n', due, 0, cid, key, m)
        put(cid, 'L', name, accepted, due, 0, '', '')
      else
        put(cid, 'W', name, accepted, 0, 0, enter(name, cid, key, m), '')
      end
      accepted_of[name] = accepted_of[name] + 1
      total = total + 1
      out[#out + 1] = 0
    end
  end
end
for name, by in pairs(accepted_of) do
  if by > 0 then count(name, 'accepted', by) end
end
if total > 0 then
  redis.call('INCRBY', P .. 'total', total)
  ring()
end
return out
