-- Ends a lease, and frees some of its nicknames. Arguments: lease, '1' to do so only when its time
-- has run out, '1' when no more such calls follow, then nickname and exiter event of some nicknames
-- that it is known to hold. Returns 0: it is not there, or was renewed, 1: it was ended now, 2: it
-- had been ended before.
local lease, last = argument(1), argument(3) == '1'
local outcome = 2

local expiry = redis.call('ZSCORE', leases, lease)
if expiry then
  if argument(2) == '1' and tonumber(expiry) > now_ms then return 0 end
  redis.call('ZREM', leases, lease)
  redis.call('HSET', holdings, lease, ended_mark)
  recount()
  outcome = 1
elseif redis.call('HGET', holdings, lease) ~= ended_mark then
  return 0
end

for index = 4, #ARGV - first_argument + 1, 2 do
  local nickname = argument(index)
  local held = holder(nickname)
  if held and held.lease == lease then free(nickname, held, argument(index + 1)) end
end
-- What was registered since the list was made is found by find_expired, thanks to the mark.
if last and #holdings_of({lease})[1] == 1 then redis.call('HDEL', holdings, lease) end
keep()
return outcome
