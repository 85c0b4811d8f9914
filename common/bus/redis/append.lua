-- Appends events to one channel, in one atomic step with whatever a script does besides. Stands in
-- front of every script that publishes; see common/bus/channel_script.h.
--
-- KEYS[1]  hash: epoch, offset of the last event, bytes of the log, run id of the server that wrote
--          last, past: "<epoch>:<offset at which it ended>" of each epoch before, the last one
--          first, time of the next expiry refresh
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

local now_ms
do
  local time = redis.call('TIME')
  now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function integer(number)
  return string.format('%.0f', number)
end

local opened_channel

-- Reads where the channel stands. A new epoch begins when the channel is unknown (Redis is empty),
-- and when another server wrote last (Redis was restarted, or a replica took over): then the last
-- writes may be lost, and their offsets must not come again in the same epoch.
local function open_channel()
  if opened_channel then return opened_channel end
  local fields = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'bytes', 'server', 'refresh_ms')
  local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local channel = {
    epoch = fields[1],
    offset = tonumber(fields[2] or '0'),
    bytes = tonumber(fields[3] or '0'),
    refresh_ms = tonumber(fields[5] or '0'),
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

-- Drops the oldest events while any bound of the log is passed.
local function trim_log(channel, events)
  local dropped = 0
  while events > dropped do
    local age, bytes = string.match(redis.call('LINDEX', KEYS[3], 0), '(%d+) (%d+)')
    if events - dropped <= tonumber(ARGV[4]) and channel.bytes <= tonumber(ARGV[5])
        and now_ms - age <= tonumber(ARGV[6]) then
      break
    end
    redis.call('LPOP', KEYS[3])
    channel.bytes = channel.bytes - bytes
    dropped = dropped + 1
  end
  if dropped > 0 then redis.call('LTRIM', KEYS[2], dropped, -1) end
end

-- A channel that falls silent keeps its position and its history, but gives back its log.
local function refresh_expiry(channel, is_new)
  if not is_new and now_ms < channel.refresh_ms then return end
  channel.refresh_ms = now_ms + 60000
  local expiry = integer(now_ms + tonumber(ARGV[6]) + 120000)
  redis.call('PEXPIREAT', KEYS[2], expiry)
  redis.call('PEXPIREAT', KEYS[3], expiry)
end

-- Appends one event. `publisher` and `sequence` name its place in a publisher's series. Events that a
-- script makes by itself have 0, and the name by which a repetition is known, or ''.
local function append_event(stored, publisher, sequence, payload)
  local channel = open_channel()
  channel.offset = channel.offset + 1
  local event = 'g1 ' .. channel.epoch .. ' ' .. integer(channel.offset) .. (stored and ' 1 ' or ' 0 ')
      .. integer(sequence) .. ' ' .. #publisher .. ':' .. publisher .. payload
  local entry = integer(now_ms) .. ' ' .. #event
  local events = redis.call('RPUSH', KEYS[2], event)
  if redis.call('RPUSH', KEYS[3], entry) ~= events then
    -- One of the two lists was evicted: begin both again.
    redis.call('DEL', KEYS[2], KEYS[3])
    redis.call('RPUSH', KEYS[2], event)
    redis.call('RPUSH', KEYS[3], entry)
    events = 1
  end
  channel.bytes = (events == 1 and 0 or channel.bytes) + #event
  trim_log(channel, events)
  refresh_expiry(channel, events == 1)
  if stored and tonumber(ARGV[3]) > 0 then
    redis.call('RPUSH', KEYS[4], event)
    redis.call('LTRIM', KEYS[4], -ARGV[3], -1)
  end
  redis.call('HSET', KEYS[1], 'offset', integer(channel.offset), 'bytes', integer(channel.bytes),
             'refresh_ms', integer(channel.refresh_ms))
  redis.call('PUBLISH', ARGV[1], event)
end
