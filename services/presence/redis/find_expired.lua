-- Returns {lease, nickname...} for each lease whose time has run out, or that was ended while it
-- still held nicknames.
local wanted = redis.call('ZRANGEBYSCORE', leases, '-inf', integer(now_ms))
local known = redis.call('HGETALL', holdings)
for at = 1, #known, 2 do
  if known[at + 1] == ended_mark then wanted[#wanted + 1] = known[at] end
end
return holdings_of(wanted)
