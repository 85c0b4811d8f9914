-- Returns {lease, nickname...} for each lease whose time has run out.
return holdings_of(redis.call('ZRANGEBYSCORE', leases, '-inf', integer(now_ms)))
