-- Members that leave the group and join it again.
local kill = require("spec.helpers.program").kill
local lab = require "corosync.lab"
local replicas = require "spec.helpers.replicas"

local hears, run = replicas.hears, replicas.run

local SAME = "list = list()"

-- The state of this member differs after "b". It pauses itself when that is reported, just before it joins again.
local DIFFERENT = [[
local uv = require "luv"
options.error = function(message)
  print "problem"
  uv.kill(uv.os_getpid(), "sigstop")
end
---
list = list { apply = function(state, command)
  state[#state + 1] = command == "b" and "own" or command
  return #state
end }
]]

describe("a member that must join again #slow", function()
  local cluster

  setup(function() cluster = assert(lab.start(2)) end)
  teardown(function() assert(cluster:stop()) end)

  it("is ready again if its Corosync is killed at that moment", function()
    local name = replicas.name()
    local function start(node, source)
      return assert(cluster:run(node, replicas.argv(name, source)))
    end
    local others, different = { start(1, SAME), start(1, SAME) }, start(2, DIFFERENT)
    for _, program in ipairs { others[1], others[2], different } do
      hears(program, "^(ready)$")
    end
    run(others[1], "list:submit 'b'")
    hears(different, "^(problem)$")
    assert(cluster:kill(2))
    replicas.eventually(function()
      different:kill "sigcont" -- again and again, because it may not have paused itself yet
      return #different.lines > different.found
    end)
    hears(different, "^(suspended)")
    assert(cluster:restart(2))
    hears(different, "^(ready)$")
    kill { others[1], others[2], different }
  end)
end)

describe("a replica that could not be closed", function()
  after_each(replicas.clean)

  local REFUSED = [[
local membership = require "corosync.group.membership"
local leave = membership.leave
membership.leave = function() return nil, "the membership is changing", "timeout" end
print("closed", select(3, app:close()))
membership.leave = leave
print("made", select(3, require "corosync.replica"(app.name)))
]]

  it("makes a second one of its name fail at once", function()
    local program = replicas.spawn(replicas.name(), REFUSED)
    assert.equal("timeout", hears(program, "^closed\t(.*)$"))
    assert.equal("exist", hears(program, "^made\t(.*)$"))
  end)
end)

describe("a member that must not go on", function()
  after_each(replicas.clean)

  -- This member cannot restore the state, and its first attempts to leave fail.
  local BROKEN = [[
options.patience = 1000
---
local membership = require "corosync.group.membership"
local leave, failures = membership.leave, 0
membership.leave = function(...)
  failures = failures + 1
  if failures <= 9 then
    return nil, "the membership is changing", "timeout"
  end
  return leave(...)
end
app:machine("sum", {
  apply = function() end,
  snapshot = function() return "" end,
  restore = function() error "wrong version" end,
})
]]

  it("leaves even if its first attempts fail", function()
    local app = replicas.new()
    local sum = app:machine("sum", {
      apply = function() end,
      snapshot = function() return "" end,
      restore = function() return {} end,
    })
    assert(sum:submit "a")
    local program = replicas.spawn(app.name, BROKEN)
    assert.matches("wrong version", hears(program, "^problem\t(.*)$"))
    assert(replicas.eventually(function() return #select(5, app:status()) == 0 end))
  end)
end)
