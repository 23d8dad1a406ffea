-- What the members that run.lua measures have in common: their arguments, NAME NODES WRITERS COUNT SIZE WINDOW
-- [latency], and a writer's report.
local core = require "corosync.core"
local print_figures = dofile "bench/print_figures.lua"

local writing = {
  name = arg[1],
  nodes = tonumber(arg[2]),
  writers = tonumber(arg[3]),
  count = tonumber(arg[4]),
  size = tonumber(arg[5]),
  window = tonumber(arg[6]),
  latencies = arg[7] and {},
}
writing.is_writer = tonumber(os.getenv "NODE") <= writing.writers

local began, cpu

function writing.begin()
  began, cpu = core.now(), os.clock()
end

function writing.finish()
  local ended = core.now()
  print_figures(writing.count, ended - began, os.clock() - cpu, writing.latencies)
  print(("times %.9f %.9f"):format(began, ended))
  io.stdout:flush()
end

return writing
