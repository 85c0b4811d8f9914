-- Reads the history. After append.lua.
-- Returns epoch and offset of the channel, and the events, oldest first.
local channel = open_channel()
local events = {}
if tonumber(ARGV[3]) > 0 then events = redis.call('LRANGE', KEYS[4], -ARGV[3], -1) end
return {channel.epoch, integer(channel.offset), events}
