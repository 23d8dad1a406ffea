-- Runs a program that uses the binding without cpgrun on each node of a private cluster.
--
--   lua5.4 examples/in_lab.lua 3 program.lua    then type, for example:  kill(2)  restart(2)  pause(1)  resume(1)
local lab = require "corosync.lab"
local uv = require "luv"
local wait = require "corosync.lab.wait"

if not tonumber(arg[1]) or not arg[2] then
  io.stderr:write "Usage: lua5.4 examples/in_lab.lua NODES PROGRAM [ARGUMENTS]\n"
  os.exit(1)
end

io.stdout:setvbuf "line"
local cluster = assert(lab.start(tonumber(arg[1])))
local running, worst = cluster.nodes, 0

for node = 1, cluster.nodes do
  assert(cluster:run(node, { arg[-1], (table.unpack or unpack)(arg, 2) }, {
    output = function(line) print(("%d| %s"):format(node, line)) end,
    exit = function(code)
      running, worst = running - 1, math.max(worst, code)
    end,
  }))
end

-- The cluster ends with this process.
local signal = uv.new_signal()
signal:start("sigint", function() os.exit(130) end)
signal:unref()

local kind = uv.guess_handle(0)
if kind == "tty" or kind == "pipe" then
  local input = uv.new_pipe(false)
  input:open(0)
  input:read_start(function(_, text)
    for fault, node in (text or ""):gmatch "(%l[%l_]*)%((%d+)%)" do
      -- In a coroutine, because a fault waits while the loop runs.
      coroutine.wrap(function()
        print(fault, wait.call(function() assert(cluster[fault](cluster, tonumber(node))) end))
      end)()
    end
  end)
end

cluster:wait_for(function() return running == 0 end, math.huge)
cluster:stop()
os.exit(worst)
