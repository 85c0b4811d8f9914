-- Returns {lease, nickname...} for each lease whose time has run out.
return holdings_of(redis.call('ZRANGEBYSCORE', leases, '-inf', text(math.floor(now / 1000))))
