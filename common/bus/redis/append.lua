-- Appends events to one channel, in one atomic step with whatever a script does besides. Stands in
-- front of every script that publishes; see common/bus/channel_script.h.
--
-- KEYS[1]  hash: epoch, offset of the last event, bytes of the log, oldest: when the first event of
--          the log was appended, run id of the server that wrote last, past: "<epoch>:<offset at
--          which it ended>" of each epoch before, the last one first, time of the next expiry
--          refresh
-- KEYS[2]  list: the log, packed events, the newest last
-- KEYS[3]  list: "<milliseconds> <bytes>" of each event in the log, so that trimming reads no payload
-- KEYS[4]  list: the history, packed events, the newest last
-- ARGV[1]  name under which events are published
-- ARGV[2]  epoch to take when a new one is due: a decimal string, since it has 64 bits
-- ARGV[3]  events in the history     ARGV[4]  events in the log
-- ARGV[5]  bytes of the log          ARGV[6]  age of the log in milliseconds
local first_key = 5       -- where the script's own begin
local first_argument = 7
local past_epochs = 50    -- that are known
local pushed_at_once = 1000  -- Lua's stack has room for 8000 arguments
local trimmed_at_once = 100

-- Of the server that runs this: the client writes it in when it loads the script.
local server = '{{run_id}}'

local now_ms
do
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Redis itself would write a number as a double, which is slow and may round it.
local function integer(number)
  return string.format('%d', number)
end

local opened_channel

-- Reads where the channel stands. A new epoch begins when the channel is unknown (Redis is empty),
-- and when another server wrote last (Redis was restarted, or a replica took over): then the last
-- writes may be lost, and their offsets must not come again in the same epoch.
local function open_channel()
  if opened_channel then return opened_channel end
  local fields = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'bytes', 'server', 'refresh_ms',
                            'oldest')
  local channel = {
    epoch = fields[1],
    offset = tonumber(fields[2] or '0'),
    bytes = tonumber(fields[3] or '0'),
    refresh_ms = tonumber(fields[5] or '0'),
    oldest = tonumber(fields[6] or '0'),
  }
  if not channel.epoch then
    channel.epoch = ARGV[2]
    redis.call('HSET', KEYS[1], 'epoch', channel.epoch, 'offset', 0, 'bytes', 0, 'server', server)
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
  elseif fields[4] ~= server then
    local past = {channel.epoch .. ':' .. integer(channel.offset)}
    for ended in string.gmatch(redis.call('HGET', KEYS[1], 'past') or '', '%S+') do
      if #past < past_epochs then past[#past + 1] = ended end
    end
    channel.epoch = ARGV[2]
    redis.call('HSET', KEYS[1], 'epoch', channel.epoch, 'server', server,
               'past', table.concat(past, ' '))
  end
  opened_channel = channel
  return channel
end

-- Drops the oldest events while any bound of the log is passed; not before one is passed by a
-- 64th, so that there is something to trim once in a while only.
local function trim_log(channel, events)
  local most, most_bytes, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local dropped = 0
  local function fits(slack)
    return events - dropped <= most * slack and channel.bytes <= most_bytes * slack
        and now_ms - channel.oldest <= age * slack
  end
  if fits(1 + 1 / 64) then return end
  local chunk = math.max(1, events - most)
  while dropped < events and not fits(1) do
    chunk = math.min(chunk, trimmed_at_once)
    local entries = redis.call('LRANGE', KEYS[3], integer(dropped), integer(dropped + chunk))
    for index, entry in ipairs(entries) do
      local time, bytes = string.match(entry, '(%d+) (%d+)')
      channel.oldest = tonumber(time)
      if index > chunk or fits(1) then break end
      channel.bytes = channel.bytes - bytes
      dropped = dropped + 1
    end
    chunk = chunk * 4
  end
  if dropped > 0 then
    redis.call('LTRIM', KEYS[2], integer(dropped), '-1')
    redis.call('LTRIM', KEYS[3], integer(dropped), '-1')
  end
end

-- A channel that falls silent keeps its position and its history, but gives back its log.
local function refresh_expiry(channel, is_new)
  if not is_new and now_ms < channel.refresh_ms then return end
  channel.refresh_ms = now_ms + 60000
  local expiry = integer(now_ms + tonumber(ARGV[6]) + 120000)
  redis.call('PEXPIREAT', KEYS[2], expiry)
  redis.call('PEXPIREAT', KEYS[3], expiry)
end

-- Appends to a list; returns its length.
local function push(key, values)
  local length
  for first = 1, #values, pushed_at_once do
    local last = math.min(first + pushed_at_once - 1, #values)
    length = redis.call('RPUSH', key, unpack(values, first, last))
  end
  return length
end

-- Appends some events, each {stored, publisher, sequence, payload}. `publisher` and `sequence` name
-- its place in a publisher's series. Events that a script makes by itself have 0, and the name by
-- which a repetition is known, or ''.
local function append_events(list)
  local channel = open_channel()
  local packed, entries, stored, bytes = {}, {}, {}, 0
  local head, time = 'g1 ' .. channel.epoch .. ' ', integer(now_ms) .. ' '
  for index, new in ipairs(list) do
    channel.offset = channel.offset + 1
    local event = head .. integer(channel.offset) .. (new[1] and ' 1 ' or ' 0 ') .. integer(new[3])
        .. ' ' .. #new[2] .. ':' .. new[2] .. new[4]
    packed[index] = event
    entries[index] = time .. #event
    bytes = bytes + #event
    if new[1] then stored[#stored + 1] = event end
  end

  local events = push(KEYS[2], packed)
  if push(KEYS[3], entries) ~= events then
    -- One of the two lists was evicted: begin both again.
    redis.call('DEL', KEYS[2], KEYS[3])
    events = push(KEYS[2], packed)
    push(KEYS[3], entries)
  end
  local is_new = events == #packed
  if is_new then channel.bytes, channel.oldest = 0, now_ms end
  channel.bytes = channel.bytes + bytes
  trim_log(channel, events)
  refresh_expiry(channel, is_new)
  if #stored > 0 and tonumber(ARGV[3]) > 0 then
    push(KEYS[4], stored)
    redis.call('LTRIM', KEYS[4], -ARGV[3], '-1')
  end
  redis.call('HSET', KEYS[1], 'offset', integer(channel.offset), 'bytes', integer(channel.bytes),
             'refresh_ms', integer(channel.refresh_ms), 'oldest', integer(channel.oldest))
  for _, event in ipairs(packed) do redis.call('PUBLISH', ARGV[1], event) end
end

-- Appends one event.
local function append_event(stored, publisher, sequence, payload)
  append_events({{stored, publisher, sequence, payload}})
end
