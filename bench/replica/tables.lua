-- What the tables have in common.
local figures = require "bench.figures"
local settings = require "bench.replica.settings"

local tables = {}

function tables.print_title(title)
  print(("**%s%s**\n"):format(title, settings.storage and ", with storage" or ""))
end

-- Returns the cell with a target, and whether it was met.
function tables.verdict(target, is_met)
  return ("%s: %s"):format(target, is_met and "met" or "missed")
end

-- Compares pairs of runs, of a replica and of something else (`kind`), in rate or p50 (`field`). Returns the cells
-- with both rates (1/s), latencies (µs) and their ratio, and the medians of the ratio and of the replica's rate.
function tables.compare(found, kind, field)
  local function median(of, name)
    return figures.each_pair(found, function(pair) return pair[of][name] end)[1]
  end
  local ratio = figures.each_pair(found, function(pair) return pair.replica[field] / pair[kind][field] end)
  local rate = median("replica", "rate")
  return ("%.0f | %.0f | %.0f | %.0f | %s"):format(median(kind, "rate"), median(kind, "p50") * 1e6, rate,
    median("replica", "p50") * 1e6, figures.with_spread(ratio)), ratio[1], rate
end

function tables.print_time_head(title)
  tables.print_title(title)
  print "| | ms | target |"
  print "| --- | --- | --- |"
end

-- Values and the limit, which is optional, are in seconds.
function tables.print_time(what, values, limit)
  local it = figures.spread(values)
  print(("| %s | %.1f (%.1f to %.1f) | %s |"):format(what, it[1] * 1000, it[2] * 1000, it[3] * 1000,
    limit and tables.verdict(("under %d"):format(limit * 1000), it[1] < limit) or ""))
end

return tables
