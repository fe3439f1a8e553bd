-- Shared by all scripts. KEYS[1] is the prefix, with the cluster's name as hash tag; a name is class:service.
--   q:<name>        stream of what can start, group "nodes"; fields c cid, a attempts before, k key, m envelope
--   z:<name>        sorted set of what starts later; due: when the first of each name does
--   l:<name>:<key>  list of cids in the line of a key, first the one that may run; h:<name>: envelopes of the others
--   s:<cid>         state, name, accepted, at, attempts, stream id, rest (failure or result), on lines
--   d:<cid>, dead   dead letters; ledger: counters; names
--   life, run       id of this data set and of the server that began it; tick: number of the last change of counters
--   kept, emptied   what was pending of each fast name when it began; whether there was nothing
local P = KEYS[1]

local function split(status)
  return string.match(status, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
end

local function put(cid, state, name, accepted, at, attempts, id, rest, keep)
  local value = table.concat({state, name, accepted, at, attempts, id, rest}, '\n')
  if keep then
    redis.call('SET', P .. 's:' .. cid, value, 'PX', keep)
  else
    redis.call('SET', P .. 's:' .. cid, value)
  end
end

-- Another state; name, acceptance and rest stay.
local function restate(cid, state, at, attempts, id, keep)
  local old = redis.call('GET', P .. 's:' .. cid)
  if not old then return end
  local _, name, accepted, _, _, _, rest = split(old)
  put(cid, state, name, accepted, at, attempts, id, rest, keep)
end

local function count(name, field, by)
  redis.call('HINCRBY', P .. 'ledger', name .. '|' .. field, by)
end

local function pending(name)
  return redis.call('XLEN', P .. 'q:' .. name) + redis.call('ZCARD', P .. 'z:' .. name)
    + redis.call('HLEN', P .. 'h:' .. name)
end

local function server()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

-- Another server, or one that was emptied, is another data set: it says what it took over.
local function begin(run)
  local now = redis.call('TIME')
  local life = run .. '.' .. now[1] .. string.format('%06d', now[2])
  local names = redis.call('SMEMBERS', P .. 'names')
  redis.call('DEL', P .. 'kept')
  for _, name in ipairs(names) do
    if string.sub(name, 1, 2) == 'f:' then redis.call('HSET', P .. 'kept', string.sub(name, 3), pending(name)) end
  end
  redis.call('MSET', P .. 'life', life, P .. 'run', run, P .. 'emptied', #names == 0 and 1 or 0)
  return life
end

local function life()
  return redis.call('GET', P .. 'life') or begin(server())
end

local function tick()
  return redis.call('INCR', P .. 'tick')
end

-- A name that is met for the first time gets its stream.
local function know(name)
  if redis.call('SADD', P .. 'names', name) == 1 then
    redis.call('XGROUP', 'CREATE', P .. 'q:' .. name, 'nodes', '0', 'MKSTREAM')
  end
end

local function ring()
  redis.call('PUBLISH', P .. 'bell', '1')
end

local function add(name, cid, attempts, key, m)
  return redis.call('XADD', P .. 'q:' .. name, '*', 'c', cid, 'a', attempts, 'k', key, 'm', m)
end

-- Into the stream, or behind others of its key: the stream id, empty when it is held.
local function enter(name, cid, key, m)
  if key ~= '' and redis.call('RPUSH', P .. 'l:' .. name .. ':' .. key, cid) > 1 then
    redis.call('HSET', P .. 'h:' .. name, cid, m)
    return ''
  end
  return add(name, cid, 0, key, m)
end

-- The first of a line has ended: the next may start.
local function leave(name, key)
  if key == '' then return end
  local line = P .. 'l:' .. name .. ':' .. key
  redis.call('LPOP', line)
  local cid = redis.call('LINDEX', line, 0)
  if not cid then return end
  local m = redis.call('HGET', P .. 'h:' .. name, cid)
  redis.call('HDEL', P .. 'h:' .. name, cid)
  restate(cid, 'W', 0, 0, add(name, cid, 0, key, m))
  ring()
end

-- flag: n for one that has no place in a line yet, r for one that has.
local function later(name, flag, due, attempts, cid, key, m)
  local member = flag .. string.format('%06d', attempts) .. cid .. string.format('%04d', #key) .. key .. m
  redis.call('ZADD', P .. 'z:' .. name, due, member)
  redis.call('ZADD', P .. 'due', 'LT', due, name)
end

local function bury(name, cid, attempts, accepted, now, failure, version, key, m)
  redis.call('HSET', P .. 'd:' .. cid, 'n', name, 'a', attempts, 't', accepted, 'x', now,
    'f', failure, 'v', version, 'm', m)
  redis.call('ZADD', P .. 'dead', now, cid)
  put(cid, 'X', name, accepted, now, attempts, '', failure)
  count(name, 'dead', 1)
  leave(name, key)
end

local function discard(cid, now, keep)
  local name = redis.call('HGET', P .. 'd:' .. cid, 'n')
  if not name then return '' end
  redis.call('DEL', P .. 'd:' .. cid)
  redis.call('ZREM', P .. 'dead', cid)
  count(name, 'dead', -1)
  count(name, 'discarded', 1)
  local _, _, _, _, attempts = split(redis.call('GET', P .. 's:' .. cid) or 'X\n\n0\n0\n0\n\n')
  restate(cid, 'C', now, attempts, '', keep)
  return name
end
