-- Answers life, run id, tick, whether it began with nothing, per name its counters and what is counted, and what it took
-- over by service.
local this, rows = life(), {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'names')) do
  local of = redis.call('HMGET', P .. 'ledger', name .. '|accepted', name .. '|done', name .. '|dead',
    name .. '|discarded', name .. '|expired')
  rows[#rows + 1] = {name, of[1] or '0', of[2] or '0', of[3] or '0', of[4] or '0', of[5] or '0', pending(name)}
end
local facts = redis.call('MGET', P .. 'run', P .. 'tick', P .. 'emptied')
return {this, facts[1], facts[2] or '0', facts[3], rows, redis.call('HGETALL', P .. 'kept')}
