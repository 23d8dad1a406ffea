-- What the members that writers.lua measures have in common: their arguments, NAME NODES WRITERS SIZE WINDOW, and a
-- writer's figures. A writer goes on until it is killed, so that all of them write while one is measured. What it sends
-- in the first seconds does not count: LuaJIT still compiles then.
local core = require "corosync.core"
local print_figures = dofile "bench/print_figures.lua"

local WARM_UP = 2 -- seconds
local SECONDS = 1.5

local writing = {
  name = arg[1],
  nodes = tonumber(arg[2]),
  writers = tonumber(arg[3]),
  size = tonumber(arg[4]),
  window = tonumber(arg[5]),
}
writing.is_writer = tonumber(os.getenv "NODE") <= writing.writers

local latencies = {}
local starts, began, cpu, is_finished

function writing.begin()
  starts = core.now() + WARM_UP
end

local function finish(now)
  is_finished = true
  print_figures(#latencies, now - began, os.clock() - cpu, latencies)
  io.stdout:flush()
end

-- Counts a message that has come back, or a command that is confirmed. `sent_at` is the time when it was sent.
function writing.count(sent_at)
  local now = core.now()
  if began then
    latencies[#latencies + 1] = now - sent_at
    if not is_finished and now - began >= SECONDS then
      finish(now)
    end
  elseif now >= starts then
    began, cpu = now, os.clock()
  end
end

return writing
