-- A replica that has left its group because its notes fail, and was asked for its address since. Prints "paused". When
-- a node has gone, prints how often a submit that ends by its timeout has dispatched.
local core = require "corosync.binding"
local replica = require "corosync.replica"

local function wait_until(condition, wait)
  local deadline = core.now() + 60
  while not condition() do
    assert(core.now() < deadline, "timed out")
    wait()
  end
end

io.stdout:setvbuf "no"

function core.create_file()
  return nil, "cannot create it: No space left on device", "io_error"
end

local app = assert(replica(arg[1], { loop = false, timeout = 2, error = function() end }))
local list = app:machine("list", { apply = function() end })
local member
for key, value in pairs(app) do
  member = type(key) == "table" and value or member
end
wait_until(function() return member.record.is_paused and member.record.state == "idle" end, function()
  assert(app:dispatch())
  core.pollset():wait(0.01)
end)
assert(app:address())

local lists = 0
local quorum = assert(core.quorum.open { nodelist_change = function() lists = lists + 1 end })
print "paused"
wait_until(function() return lists == 2 end, function() -- the first is the present one
  quorum:wait(1)
  assert(quorum:dispatch())
end)

local dispatch, rounds = member.dispatch, 0
function member.dispatch(...)
  rounds = rounds + 1
  return dispatch(...)
end
print((select(3, list:submit "x")), rounds)
