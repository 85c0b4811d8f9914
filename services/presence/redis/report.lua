-- Sets the connections of a lease and renews it. ARGV: lease, sequence, connections, '1' to create
-- the lease, its time to live in ms. Returns {whether it is there, total, revision}.
local lease, sequence, connections = ARGV[1], ARGV[2], ARGV[3]

if not redis.call('ZSCORE', leases, lease) then
  if ARGV[4] ~= '1' then
    local known = redis.call('HMGET', count, 'total', 'revision')
    return {0, tonumber(known[1]) or 0, tonumber(known[2]) or 0}
  end
  -- What hung on leases that are not there any more (lost, not evicted) belongs to nobody.
  if redis.call('EXISTS', leases) == 0 then redis.call('DEL', holdings, users) end
end

redis.call('ZADD', leases, text(math.floor(now / 1000) + tonumber(ARGV[5])), lease)
local last = redis.call('HGET', holdings, lease)
if not last or above(sequence, string.match(last, '^%d+')) then
  redis.call('HSET', holdings, lease, sequence .. ' ' .. connections)
end
local total, revision = recount()
keep()
return {1, total, revision}
