-- Prints the table of commands of a replica beside messages of a group.
local settings = require "bench.replica.settings"
local tables = require "bench.replica.tables"
local writers = require "bench.replica.writers"

local PROGRAMS = { raw = "sender.lua", replica = "member.lua" }

-- The targets: a ratio to raw messages, or a rate.
local LOADS = {
  { writers = 1, window = 1, field = "p50", most = 4 },
  { writers = 1, window = 64, field = "rate", least = 1.2 },
  { writers = 3, window = 64, field = "rate", least = 1.5, enough = 100000 },
}

-- Each is first in half of the pairs.
local function measure(cluster, lua, load)
  local found = {}
  for i = 1, settings.pairs do
    found[i] = {}
    for _, kind in ipairs(i % 2 == 0 and { "raw", "replica" } or { "replica", "raw" }) do
      found[i][kind] = writers.measure(cluster, lua, PROGRAMS[kind], load)
    end
  end
  return found
end

-- Raw messages are not stored, so with storage there is no target for the ratio to them.
local function verdict(load, ratio, rate)
  if settings.storage then
    return ""
  elseif load.most then
    return tables.verdict(("at most %g"):format(load.most), ratio <= load.most)
  elseif load.enough then
    return tables.verdict(("at least %g or %d/s"):format(load.least, load.enough),
      ratio >= load.least or rate >= load.enough)
  end
  return tables.verdict(("at least %g"):format(load.least), ratio >= load.least)
end

return function(cluster)
  tables.print_title "Commands, beside messages of a group"
  print "| | writers | in flight | raw, /s | p50, µs | replica, /s | p50, µs | replica to raw | target |"
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  for _, lua in ipairs(settings.luas) do
    for _, load in ipairs(LOADS) do
      local cells, ratio, rate = tables.compare(measure(cluster, lua, load), "raw", load.field)
      print(("| %s | %d | %d | %s of %s | %s |"):format(lua.name, load.writers, load.window, cells, load.field,
        verdict(load, ratio, rate)))
    end
  end
  print ""
end
