-- The first words on each connection: a server that began no data set here begins one.
local run = server()
if redis.call('GET', P .. 'run') ~= run or redis.call('EXISTS', P .. 'life') == 0 then begin(run) end
return 0
