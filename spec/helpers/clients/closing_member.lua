-- A member that leaves or closes at a line on stdin, in the way that arg[1] names; "watch" prints why others leave.
local core = require "corosync.core"
local corosync = require "corosync"
local replica = require "corosync.replica"

local NAME = "closing"

local function wait_until(step, condition)
  local deadline = core.now() + 60
  while not condition() do
    assert(core.now() < deadline, "timed out")
    step()
  end
end

local function joined_handle()
  local handle = assert(core.cpg.open {})
  assert(handle:join(NAME))
  return handle
end

local ways = {}

function ways.watch()
  local handle = assert(core.cpg.open { config_change = function(_, left)
    for _, each in ipairs(left) do
      print(("left\t%s"):format(each.reason))
    end
  end })
  assert(handle:join(NAME))
  print "joined"
  while handle:wait() do
    assert(handle:dispatch())
  end
end

function ways.handle_leave()
  local handle = joined_handle()
  return function() return select(3, handle:leave(0.1)) end
end

function ways.handle_close()
  local handle = joined_handle()
  return function() return handle:close() end
end

function ways.group_deactivate()
  local group = assert(corosync.group(NAME, { view_change = function() end }))
  group.timeout = 0.1
  assert(group:activate())
  wait_until(function() group:dispatch() end, function() return group:view() end)
  return function() return group:deactivate() and not group:is_active() end
end

function ways.replica_close()
  local app = assert(replica("closing", { loop = false }))
  app:machine("list", { apply = function() end })
  wait_until(function() app:dispatch() end, function() return app:status() == "ready" end)
  return function() return app:close() end
end

io.stdout:setvbuf "line"
local act = ways[arg[1]]()
print "joined"
io.read "*l"
print(("done\t%s"):format(tostring(act())))
io.read "*l"
