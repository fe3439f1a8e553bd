-- ARGV: consumer, most in all, then per service its name and its permits.
-- Answers per entry name, stream id, number of this start, envelope.
local out, room = {}, tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local permits = math.min(tonumber(ARGV[i + 1]), room)
  for _, class in ipairs({'d:', 'f:'}) do
    local name = class .. ARGV[i]
    local stream = P .. 'q:' .. name
    if permits > 0 and redis.call('XLEN', stream) > 0 then
      local got = redis.call('XREADGROUP', 'GROUP', 'nodes', ARGV[1], 'COUNT', permits, 'STREAMS', stream, '>')
      if got then
        for _, entry in ipairs(got[1][2]) do
          out[#out + 1] = {name, entry[1], tonumber(entry[2][4]) + 1, entry[2][8]}
          permits = permits - 1
          room = room - 1
        end
      end
    end
  end
end
return out
