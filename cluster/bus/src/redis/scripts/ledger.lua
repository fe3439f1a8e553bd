-- ARGV: id for a data set that has none. Answers its id, accepted in all, and per name its counters and what is counted.
redis.call('SET', P .. 'life', ARGV[1], 'NX')
local rows = {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'names')) do
  local of = redis.call('HMGET', P .. 'ledger', name .. '|accepted', name .. '|done', name .. '|dead',
    name .. '|discarded', name .. '|expired')
  local pending = redis.call('XLEN', P .. 'q:' .. name) + redis.call('ZCARD', P .. 'z:' .. name)
    + redis.call('HLEN', P .. 'h:' .. name)
  rows[#rows + 1] = {name, of[1] or '0', of[2] or '0', of[3] or '0', of[4] or '0', of[5] or '0', pending}
end
return {redis.call('GET', P .. 'life'), redis.call('GET', P .. 'total') or '0', rows}
