-- Prints the table of commands of a replica beside puts to etcd.
local etcd = require "bench.replica.etcd"
local settings = require "bench.replica.settings"
local tables = require "bench.replica.tables"
local writers = require "bench.replica.writers"

-- The target is a ratio of rates.
local LOADS = {
  { writers = 1, window = 1, least = 1 },
  { writers = 1, window = 64, least = settings.storage and 1 or 5 },
}

local function measure(cluster, load)
  local found = {}
  for i = 1, settings.pairs do
    local rate, p50 = etcd.put(cluster, load.window, settings.storage and 5 or 1)
    assert(rate, p50)
    found[i] = { etcd = { rate = rate, p50 = p50 },
      replica = writers.measure(cluster, settings.luas[1], "member.lua", load) }
  end
  return found
end

return function(cluster)
  if not etcd.is_installed() then
    print "Skipped: the same with etcd, because etcd or wrk is not installed.\n"
    return
  end
  etcd.start(cluster)
  tables.print_title "Commands, beside puts to three etcd servers"
  print "| in flight | etcd, /s | p50, µs | replica, /s | p50, µs | replica to etcd, rate | target |"
  print "| --- | --- | --- | --- | --- | --- | --- |"
  for _, load in ipairs(LOADS) do
    local cells, ratio = tables.compare(measure(cluster, load), "etcd", "rate")
    print(("| %d | %s | %s |"):format(load.window, cells,
      tables.verdict(("at least %g"):format(load.least), ratio >= load.least)))
  end
  print ""
end
