-- One machine of a replica, without a cluster.
local machine = require "corosync.replica.machines.machine"
local plain = require "corosync.replica.machines.plain"

-- Returns a state with the given number of entries.
local function state_with(entries)
  local state = {}
  for i = 1, entries do state[i] = "x" end
  return state
end

local function new_machine(methods)
  local box = machine.new "box"
  box.methods = methods
  box:reset()
  return box
end

local function machine_with(entries)
  return new_machine { apply = function() end, initial = function() return state_with(entries) end }
end

describe("the digest of a machine's state", function()
  local check = plain.check

  after_each(function() plain.check = check end)

  it("does not go through a large state", function()
    local box, checks = machine_with(5000), 0
    plain.check = function() checks = checks + 1 end
    assert.is_nil(box:digest())
    assert.equal(0, checks)
  end)

  it("is refused for a small state that is not plain", function()
    local box = machine_with(10)
    assert.is_number(box:digest())
    box.state.odd = print
    assert.is_nil(box:digest())
    assert.matches("field .odd is a function", box.problem)
  end)
end)

describe("the commands that a machine keeps to undo another one", function()
  it("are bounded, although each batch ends in an error", function()
    local box = new_machine { apply = function(_, command) assert(command == "good", "no") end }
    local batch = { "box\0sgood", "box\0sbad" }
    for i = 1, 1500 do
      assert.equal(1, (box:apply(batch, 1, 2, 2 * i, {})))
    end
    assert.is_true(#box.since <= 2000)
  end)
end)
