-- Claims a nickname. Arguments: lease, connection, request id, nickname, previous nickname or '',
-- newcomer event, exiter event. Two keys more: withdrawn claims of the nickname and of the previous
-- one by this connection. Returns 0: registered, 1: taken, 2: the lease is not there.
local lease, connection, request = argument(1), argument(2), argument(3)
local nickname, previous = argument(4), argument(5)

if not redis.call('ZSCORE', leases, lease) then return 2 end
local held = holder(nickname)
if held then
  if held.lease == lease and held.connection == connection and held.request == request then
    return 0
  end
  if redis.call('ZSCORE', leases, held.lease) then return 1 end
end
local withdrawn = redis.call('GET', KEYS[first_own_key])
if withdrawn == '' or withdrawn == request then return 1 end

if previous ~= '' then
  release(previous, lease, connection, '', argument(7), KEYS[first_own_key + 1])
end
tell('newcomer', lease, request, argument(6))
redis.call('HSET', users, nickname, entry(advance('order'), connection, lease, request))
keep()
return 0
