-- ARGV: lease. Returns {lease, nickname...}; without nicknames when it is not there.
return holdings_of({ARGV[1]})[1]
