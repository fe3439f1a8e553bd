-- ARGV: now, time to keep, then per start what (N done, E expired, R retry, G give back, X dead), name, stream id, cid,
-- key, accepted, number of the start, at, rest (result or failure), version.
-- Answers life, tick and per start 0, or 1 when the lease is lost.
local now, keep = ARGV[1], ARGV[2]
local this, out, done_of = life(), {}, {}
for i = 3, #ARGV, 10 do
  local what, name, id, cid, key = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local accepted, attempt, at, rest, version = ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9]
  local stream, m = P .. 'q:' .. name, nil
  if what ~= 'N' and what ~= 'E' then
    local entry = redis.call('XRANGE', stream, id, id)[1]
    m = entry and entry[2][8]
  end
  if redis.call('XACK', stream, 'nodes', id) == 0 then
    out[#out + 1] = 1
  else
    redis.call('XDEL', stream, id)
    out[#out + 1] = 0
    if what == 'N' then
      done_of[name] = (done_of[name] or 0) + 1
      put(cid, 'N', name, accepted, now, attempt, '', rest, keep)
      leave(name, key)
    elseif what == 'E' then
      count(name, 'expired', 1)
      restate(cid, 'E', now, attempt - 1, '', keep)
      leave(name, key)
    elseif what == 'R' then
      later(name, 'r', at, attempt, cid, key, m)
      put(cid, 'R', name, accepted, at, attempt, '', rest)
    elseif what == 'G' then
      later(name, 'r', at, attempt - 1, cid, key, m)
      restate(cid, 'R', at, attempt - 1, '')
    else
      bury(name, cid, attempt, accepted, now, rest, version, key, m)
    end
  end
end
for name, by in pairs(done_of) do count(name, 'done', by) end
return {this, tick(), out}
