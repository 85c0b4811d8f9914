-- Ends a lease. Arguments: lease, '1' to do so only when its time has run out, then nickname and
-- exiter event of each nickname that it is known to hold. Returns 1 when it was ended.
local lease = argument(1)

local expiry = redis.call('ZSCORE', leases, lease)
if not expiry then return 0 end
if argument(2) == '1' and tonumber(expiry) > now_ms then return 0 end

for index = 3, #ARGV - first_argument + 1, 2 do
  local nickname = argument(index)
  local held = holder(nickname)
  if held and held.lease == lease then free(nickname, argument(index + 1)) end
end
-- Registered since the list was made: a nickname without a living lease would never be freed.
local rest = holdings_of({lease})[1]
for at = 2, #rest do redis.call('HDEL', users, rest[at]) end
redis.call('ZREM', leases, lease)
redis.call('HDEL', holdings, lease)
recount()
keep()
return 1
