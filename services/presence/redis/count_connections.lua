-- Returns {total, revision}.
local known = redis.call('HMGET', count, 'total', 'revision')
return {tonumber(known[1]) or 0, tonumber(known[2]) or 0}
