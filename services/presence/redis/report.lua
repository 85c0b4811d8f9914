-- Sets the connections of a lease and renews it. Arguments: lease, sequence, connections, '1' to
-- create the lease, its time to live in ms. Returns {whether it is there, total, revision}.
local lease, sequence, connections = argument(1), argument(2), argument(3)

-- Whether a lease was ended whose nicknames are still being freed.
local function any_ended()
  for _, holding in ipairs(redis.call('HVALS', holdings)) do
    if holding == ended_mark then return true end
  end
  return false
end

if not redis.call('ZSCORE', leases, lease) then
  if argument(4) ~= '1' then
    local known = redis.call('HMGET', count, 'total', 'revision')
    return {0, tonumber(known[1]) or 0, tonumber(known[2]) or 0}
  end
  -- What hung on leases that are not there any more (lost, not evicted) belongs to nobody.
  if redis.call('EXISTS', leases) == 0 and not any_ended() then
    redis.call('DEL', holdings, users)
  end
end

redis.call('ZADD', leases, integer(now_ms + tonumber(argument(5))), lease)
local last = redis.call('HGET', holdings, lease)
if not last or last == ended_mark or above(sequence, string.match(last, '^%d+')) then
  redis.call('HSET', holdings, lease, sequence .. ' ' .. connections)
end
local total, revision = recount()
keep()
return {1, total, revision}
