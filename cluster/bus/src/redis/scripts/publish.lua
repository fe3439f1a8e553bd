-- ARGV: now, most pending (0: any number), then per message cid, name, due (0: at once), key, accepted, envelope.
-- Answers life, tick and per message 0 kept, 1 known already, 2 ended already, or 3 + the number pending when that is too
-- many.
local now, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local this = life()
local out, accepted_of, total = {}, {}, 0
for i = 3, #ARGV, 6 do
  local cid, name, due, key, accepted, m = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  local known = redis.call('GETRANGE', P .. 's:' .. cid, 0, 0)
  if known == 'N' or known == 'E' or known == 'C' then
    out[#out + 1] = 2
  elseif known ~= '' then
    out[#out + 1] = 1
  else
    if not accepted_of[name] then
      accepted_of[name] = 0
      know(name)
    end
    local there = 0
    if most > 0 then
      for _, class in ipairs({'d:', 'f:'}) do there = there + pending(class .. string.sub(name, 3)) end
    end
    if most > 0 and there >= most then
      out[#out + 1] = 3 + there
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
if total == 0 then return {this, 0, out} end
ring()
return {this, tick(), out}
