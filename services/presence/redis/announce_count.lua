-- Publishes a count. Arguments: connections, revision, event, interval in microseconds. Returns
-- {whether it was published now, microseconds to wait before trying again or 0}.
local connections, revision = tonumber(argument(1)), tonumber(argument(2))
local interval = tonumber(argument(4))

local known = redis.call('HMGET', count, 'told_revision', 'told_at', 'revision')
local told_revision, told_at = tonumber(known[1]) or 0, tonumber(known[2])
if told_revision >= revision then return {0, 0} end

-- A newer count than the one given, that whoever caused it may not live to announce. Its number may
-- be the same: clients that joined in between were told another one on their own.
local outdated = (tonumber(known[3]) or 0) > revision
local elapsed = told_at and now_us - told_at or interval
local wait = elapsed >= 0 and math.max(interval - elapsed, 0) or 0
local published = 0
if told_revision > 0 or connections > 0 then
  if wait > 0 then return {0, wait} end
  append_event(false, '', 0, argument(3))
  published = 1
  wait = interval
  redis.call('HSET', count, 'told_at', integer(now_us))
end
redis.call('HSET', count, 'told_revision', argument(2))
keep()
return {published, outdated and math.max(wait, 1) or 0}
