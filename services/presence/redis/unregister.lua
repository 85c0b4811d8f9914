-- Gives a nickname back. ARGV: lease, connection, nickname, exiter event. One key more: withdrawn
-- claim of the nickname by this connection. Returns 1 when this connection held it.
local withdrawn = KEYS[FIRST_KEY + 4]

if release(ARGV[3], ARGV[1], ARGV[2], ARGV[4], withdrawn) then return 1 end
-- Its claim may still be on the way, whatever its request id.
redis.call('SET', withdrawn, '', 'EX', WITHDRAWN_SECONDS, 'NX')
return 0
