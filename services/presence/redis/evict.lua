-- Ends a lease. ARGV: lease, '1' to do so only when its time has run out, then nickname and exiter
-- event of each nickname that it is known to hold. Returns 1 when it was ended.
local lease = ARGV[1]

local expiry = redis.call('ZSCORE', leases, lease)
if not expiry then return 0 end
if ARGV[2] == '1' and tonumber(expiry) > math.floor(now / 1000) then return 0 end

for at = 3, #ARGV, 2 do
  local held = holder(ARGV[at])
  if held and held.lease == lease then free(ARGV[at], ARGV[at + 1]) end
end
-- Registered since the list was made: a nickname without a living lease would never be freed.
local rest = holdings_of({lease})[1]
for at = 2, #rest do redis.call('HDEL', users, rest[at]) end
redis.call('ZREM', leases, lease)
redis.call('HDEL', holdings, lease)
recount()
keep()
return 1
