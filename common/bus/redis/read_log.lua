-- Reads what follows a position. After append.lua.
--
-- ARGV[7]  epoch of the position       ARGV[8]  its offset
-- Returns epoch and offset of the channel, 1 when the log holds everything after the position (else
-- 0), and the events in order.
local channel = open_channel()
local after = tonumber(ARGV[8])
if ARGV[7] ~= channel.epoch then
  -- Each epoch goes on where the one before it ended. Who stands beyond its end has seen writes that
  -- the server lost, and still needs what came after them.
  local past = ' ' .. (redis.call('HGET', KEYS[1], 'past') or '')
  local ended = string.match(past, ' ' .. ARGV[7] .. ':(%d+)')
  after = ended and math.min(after, tonumber(ended))
end

local first = channel.offset - redis.call('LLEN', KEYS[2]) + 1
if not after or after > channel.offset or after + 1 < first then
  return {channel.epoch, integer(channel.offset), 0, {}}
end
return {channel.epoch, integer(channel.offset), 1,
        redis.call('LRANGE', KEYS[2], integer(after + 1 - first), -1)}
