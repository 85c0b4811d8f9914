-- What the scripts of presence share. In front of it stands common/bus/redis/append.lua. Keys:
--   leases    sorted set: lease -> end of its time, in ms of our clock
--   holdings  hash: lease -> "<sequence of its last report> <connections>", or ended_mark while a
--             lease that was ended has nicknames that are still to be freed
--   users     hash: nickname -> "<order> <connection> <length of lease> <lease><request id>"
--   count     hash: total, revision; told_revision, told_at (what the channel heard last);
--             order (of the last registration)
-- All live for ten minutes after the last report, so that nothing stays for ever. Numbers that a
-- double can't hold (sequences, connections) stay strings.
local leases, holdings = KEYS[first_key], KEYS[first_key + 1]
local users, count = KEYS[first_key + 2], KEYS[first_key + 3]
local first_own_key = first_key + 4

local now_us
do
  local time = redis.call('TIME')
  now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local ended_mark = 'ended 0'  -- no connections

local function argument(index)
  return ARGV[first_argument - 1 + index]
end

local function keep()
  for _, key in ipairs({leases, holdings, users, count}) do
    redis.call('EXPIRE', key, 600)
  end
end

-- Whether one decimal number is above another, exactly, whatever their size.
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

-- A counter that grows with every use, and also when Redis came back empty.
local function advance(field)
  local last = tonumber(redis.call('HGET', count, field)) or 0
  local value = math.max(last + 1, now_us)
  redis.call('HSET', count, field, integer(value))
  return value
end

-- Returns the channel's total and its revision, brought up to date with what the leases hold.
local function recount()
  local total = 0
  for _, holding in ipairs(redis.call('HVALS', holdings)) do
    total = total + tonumber(string.match(holding, ' (%d+)$'))
  end
  local known = redis.call('HMGET', count, 'total', 'revision')
  local revision = tonumber(known[2])
  if not revision or tonumber(known[1]) ~= total then
    redis.call('HSET', count, 'total', integer(total))
    revision = advance('revision')
  end
  return total, revision
end

local function entry(order, connection, lease, request)
  return integer(order) .. ' ' .. connection .. ' ' .. #lease .. ' ' .. lease .. request
end

-- Who holds a nickname, from its entry in users: order, connection, lease, request.
local function parse(value)
  local order, connection, length, rest = string.match(value, '^(%d+) (%d+) (%d+) (.*)$')
  length = tonumber(length)
  return {
    order = tonumber(order),
    connection = connection,
    lease = string.sub(rest, 1, length),
    request = string.sub(rest, length + 1)
  }
end

local function holder(nickname)
  local value = redis.call('HGET', users, nickname)
  return value and parse(value)
end

-- Tells the channel what became of a claim, 'newcomer' or 'exiter', under a name that is always the
-- same: when Redis loses it in a failover and it is said again, edges know it again.
local function tell(what, lease, request, event)
  append_event(false, what .. ' ' .. lease .. ' ' .. request, 0, event)
end

-- Frees a nickname and tells the channel. The event comes first: where a full Redis refuses it,
-- nothing is changed halfway.
local function free(nickname, held, exiter_event)
  tell('exiter', held.lease, held.request, exiter_event)
  redis.call('HDEL', users, nickname)
end

-- The same, when this connection holds it, by the claim `request` unless that is ''; returns whether
-- it does. Remembers the claim at the key `withdrawn`, so that a late repetition does not make it
-- again.
local function release(nickname, lease, connection, request, exiter_event, withdrawn)
  local held = holder(nickname)
  if not held or held.lease ~= lease or held.connection ~= connection then return false end
  if request ~= '' and held.request ~= request then return false end
  free(nickname, held, exiter_event)
  redis.call('SET', withdrawn, held.request, 'EX', withdrawn_seconds)
  return true
end

-- {lease, nickname...} for each of some leases, nicknames in order of registration.
local function holdings_of(wanted)
  if #wanted == 0 then return {} end
  local found, names = {}, {}
  for index, lease in ipairs(wanted) do
    found[index] = {lease}
    names[lease] = {}
  end
  local entries = redis.call('HGETALL', users)
  for at = 1, #entries, 2 do
    local held = parse(entries[at + 1])
    local list = names[held.lease]
    if list then list[#list + 1] = {held.order, entries[at]} end
  end
  for _, holding in ipairs(found) do
    local list = names[holding[1]]
    table.sort(list, function(a, b) return a[1] < b[1] end)
    for at, name in ipairs(list) do holding[at + 1] = name[2] end
  end
  return found
end
