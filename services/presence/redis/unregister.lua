-- Gives a nickname back. Arguments: lease, connection, nickname, exiter event. One key more:
-- withdrawn claim of the nickname by this connection. Returns 1 when this connection held it.
local withdrawn = KEYS[first_own_key]

if release(argument(3), argument(1), argument(2), argument(4), withdrawn) then return 1 end
-- Its claim may still be on the way, whatever its request id.
redis.call('SET', withdrawn, '', 'EX', withdrawn_seconds, 'NX')
return 0
