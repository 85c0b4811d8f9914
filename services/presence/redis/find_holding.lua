-- Arguments: lease. Returns {lease, nickname...}; without nicknames when it is not there.
return holdings_of({argument(1)})[1]
