-- Gives a nickname back. Arguments: lease, connection, nickname, exiter event, request id of the
-- claim or ''. One key more: withdrawn claim of the nickname by this connection. Returns 1 when this
-- connection held it by that claim.
local withdrawn, request = KEYS[first_own_key], argument(5)

if release(argument(3), argument(1), argument(2), request, argument(4), withdrawn) then return 1 end
-- Its claim may still be on the way; without a request id, any claim.
redis.call('SET', withdrawn, request, 'EX', withdrawn_seconds, 'NX')
return 0
