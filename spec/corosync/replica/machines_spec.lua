-- The machines of a replica, without a cluster.
local machines = require "corosync.replica.machines"

describe("the machines of a replica", function()
  it("do not change what `initial` has returned, which may return it again", function()
    local all, initial = machines.new { restored = function() end }, { list = {} }
    local function apply(state) table.insert(state.list, "x") end
    all:define("m", { initial = function() return initial end, apply = apply })
    all:apply({ all.by_name.m:encode "a" }, 1)
    assert.same({ list = { "x" } }, all.by_name.m.state)
    assert.same({ list = {} }, initial)
    all:reset()
    assert.same({ list = {} }, all.by_name.m.state)
  end)

  it("ignore commands that name no machine", function()
    local all = machines.new { damaged = function(_, problem) error(problem, 0) end }
    assert.same({ true, true, true }, all:apply({ "", "x", "\0x" }, 1))
    assert.same({}, all.names)
  end)
end)
