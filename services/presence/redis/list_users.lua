-- Returns the nicknames in order of registration.
local found = {}
local all = redis.call('HGETALL', users)
for at = 1, #all, 2 do
  found[#found + 1] = {tonumber(string.match(all[at + 1], '^%d+')), all[at]}
end
table.sort(found, function(a, b) return a[1] < b[1] end)
for at, entry in ipairs(found) do found[at] = entry[2] end
return found
