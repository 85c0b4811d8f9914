-- Appends a batch of a publisher, in order, each draft at most once. After append.lua.
--
-- KEYS[5]   string: number of the series' last draft that was appended
-- ARGV[7]   name of the series          ARGV[8]   number of the first draft
-- ARGV[9]   deadline in milliseconds of Redis' clock; 0: none
-- ARGV[10]  lifetime of KEYS[5] in milliseconds
-- ARGV[11]  1 when the series goes on with the first draft even if numbers before it are missing
-- ARGV[12], ARGV[13], ...  of each draft: 1 when it is to be stored, else 0; its payload
-- Returns the outcome, the next number of the series, epoch and offset of the channel.
local first = tonumber(ARGV[8])
local deadline_ms = tonumber(ARGV[9])
local after_gap = ARGV[11] == '1'
local count = (#ARGV - 11) / 2
local expected = tonumber(redis.call('GET', KEYS[5]) or '0') + 1
local outcome = 'PUBLISHED'
local is_new = first + count > expected

if is_new then
  if first > expected and not after_gap then
    outcome = 'GAP'
  elseif deadline_ms > 0 and now_ms > deadline_ms then
    outcome = 'EXPIRED'
  else
    local events = {}
    for number = math.max(expected, first), first + count - 1 do
      local draft = 12 + 2 * (number - first)
      events[#events + 1] = {ARGV[draft] == '1', ARGV[7], number, ARGV[draft + 1]}
    end
    append_events(events)
    expected = first + count
  end
end

local channel = open_channel()
if not is_new then
  redis.call('PEXPIRE', KEYS[5], ARGV[10])  -- which a full Redis does too
elseif outcome == 'PUBLISHED' then
  redis.call('SET', KEYS[5], integer(expected - 1), 'PX', ARGV[10])
end
return {outcome, integer(expected), channel.epoch, integer(channel.offset)}
